// What the page asks the panel, and the stream of its reports.

let session = null;

async function fail(response) {
  if (response.status === 401) location.assign("login");
  const text = (await response.text()).trim();
  throw new Error(text || `status ${response.status}`);
}

export async function get(path, parameters = {}) {
  const query = new URLSearchParams(parameters).toString();
  const response = await fetch(query ? `${path}?${query}` : path);
  return response.ok ? response.json() : fail(response);
}

export async function openSession() {
  session = await get("api/session");
  return session;
}

export async function act(section, action, names) {
  const response = await fetch(`api/${encodeURIComponent(section)}/${action}`, {
    method: "POST",
    headers: {"Content-Type": "application/json", "X-Paxect-Csrf": session.csrf},
    body: JSON.stringify({names}),
  });
  return response.ok ? response.json() : fail(response);
}

// Calls onState with each report, onLoss(sinceMs) when the connection is lost. The panel sends an event at
// least every 4 seconds: a stream without one for longer is dead, even if the system has not noticed.
export function follow(onState, onLoss) {
  const silence = 10000;
  let last = Date.now();
  let lost = false;
  let source = null;
  const lose = () => {
    if (!lost) onLoss(last);
    lost = true;
  };
  const open = () => {
    source = new EventSource("events");
    source.addEventListener("state", (event) => {
      if (lost) openSession().catch(() => {});  // a panel that was started again has other secrets
      last = Date.now();
      lost = false;
      onState(JSON.parse(event.data));
    });
    source.addEventListener("error", () => {
      lose();
      if (source.readyState !== EventSource.CLOSED) return;  // the browser connects again by itself
      openSession().catch(() => {});  // goes to the login page where the panel asks for the token again
      setTimeout(open, 3000);
    });
  };
  setInterval(() => {
    if (Date.now() - last <= silence) return;
    lose();
    if (source.readyState !== EventSource.CLOSED && Date.now() - last > 3 * silence) {
      last = Date.now() - silence;
      source.close();
      open();
    }
  }, 1000);
  open();
}
