// The parts of a relay that are loaded when they are opened: lists in pages, the search, checks on demand.
import {element, name, setText} from "./dom.js";
import {duration, size} from "./format.js";
import {act, get} from "./server.js";

const PAGE = 50;

// Asks back. Resolves to whether the operator agreed.
function confirmed(title, text, names) {
  const dialog = document.getElementById("confirm");
  setText(document.getElementById("confirm-title"), title);
  setText(document.getElementById("confirm-text"), text);
  const shown = names.slice(0, 10).map((each) => element("li", {}, name(each)));
  if (names.length > 10) shown.push(element("li", {}, `and ${names.length - 10} more`));
  document.getElementById("confirm-names").replaceChildren(...shown);
  setText(document.getElementById("confirm-yes"), title);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), {once: true});
  });
}

// A button that does something after a question, and a line that says what came of it.
function actionButton(section, action, label, text, names, done) {
  const outcome = element("span", {role: "status", class: "dim"});
  const button = element("button", {
    type: "button",
    class: action === "drop" ? "danger" : undefined,
    click: async () => {
      if (!await confirmed(label, text, names)) return;
      button.disabled = true;
      setText(outcome, " Working");
      try {
        const reply = await act(section, action, names);
        setText(outcome, reply.status === 0 ? " Done" : ` Not all is done: ${reply.message}`);
        if (done) done(reply);
      } catch (error) {
        setText(outcome, ` Failed: ${error.message}`);
      }
      button.disabled = false;
    },
  }, label);
  return element("span", {}, button, outcome);
}

// <details> that calls load(body) when it is opened, and again by its button.
function part(title, load, again = "Refresh") {
  const body = element("div", {"aria-live": "polite"});
  const run = async () => {
    setText(body, "Loading");
    try {
      await load(body);
    } catch (error) {
      body.replaceChildren(element("p", {}, error.message));
    }
  };
  const details = element("details", {}, element("summary", {}, title),
                          element("div", {class: "bar"}, element("button", {type: "button", click: run}, again)),
                          body);
  details.addEventListener("toggle", () => details.open && body.childNodes.length === 0 && run());
  return details;
}

// A list that the panel cuts into pages.
function pagedPart(title, path, item) {
  const state = {offset: 0, filter: ""};
  const search = element("input", {type: "search", "aria-label": `Filter: ${title}`, placeholder: "Filter", maxlength: 200});
  const body = element("div", {"aria-live": "polite"});
  const load = async () => {
    try {
      const reply = await get(path, {offset: state.offset, limit: PAGE, filter: state.filter});
      if (state.offset > 0 && reply.items.length === 0) {
        state.offset = 0;
        return load();
      }
      const last = state.offset + reply.items.length;
      const turn = (label, offset, possible) => element(
        "button", {type: "button", disabled: !possible, click: () => { state.offset = offset; load(); }}, label);
      const unlisted = reply.rest.unlisted > 0 ? `, and ${reply.rest.unlisted} that the relay does not list` : "";
      const shown = [
        element("p", {}, reply.total === 0 ? `None${unlisted}.` : `${state.offset + 1} to ${last} of ${reply.total}${unlisted}`),
        element("ul", {class: "items"}, ...reply.items.map((each) => item(each, load))),
      ];
      if (reply.total > PAGE)
        shown.push(element("div", {class: "bar"}, turn("Previous", Math.max(0, state.offset - PAGE), state.offset > 0),
                           turn("Next", state.offset + PAGE, last < reply.total)));
      body.replaceChildren(...shown);
    } catch (error) {
      body.replaceChildren(element("p", {}, error.message));
    }
    return undefined;
  };
  search.addEventListener("change", () => {
    state.filter = search.value;
    state.offset = 0;
    load();
  });
  const details = element("details", {}, element("summary", {}, title),
                          element("div", {class: "bar"}, search, element("button", {type: "button", click: load}, "Refresh")),
                          body);
  details.addEventListener("toggle", () => details.open && load());
  return details;
}

export function waitingPart(section) {
  return pagedPart("Files with a problem", `/api/${section}/waiting`, (file) => element(
    "li", {}, element("div", {}, name(file.path), " ", element("span", {class: "badge warn"}, file.state)),
    element("p", {class: "remedy"}, name(file.reason)),
    file.advice ? element("p", {class: "remedy"}, element("strong", {}, "What to do: "), name(file.advice)) : null,
    element("p", {class: "remedy dim"}, `Since ${file.since}`,
            file.attempts > 0 ? `, tried ${file.attempts} times` : "", file.next_try ? `, next try ${file.next_try}` : "")));
}

export function quarantinePart(section, actions) {
  return pagedPart("Quarantine", `/api/${section}/quarantine`, (file, load) => element(
    "li", {}, element("div", {}, name(file.name), ` ${size(file.bytes)}`),
    element("p", {class: "remedy"}, name(file.reason ? `${file.event}: ${file.reason}` : "no reason is on record")),
    element("p", {class: "remedy dim"}, file.last_utc),
    actions
      ? element("div", {class: "bar"},
                actionButton(section, "retry", "Retry", "These files go back to the inbox and are tried again:", [file.name], load),
                actionButton(section, "drop", "Drop", "These files are removed for good:", [file.name], load))
      : element("p", {class: "remedy"}, element("strong", {}, "What to do: "),
                name(`paxect ${section} quarantine retry ${file.name}, or drop`))));
}

// The way of one file.
function timeline(report) {
  const entry = (time, text) => element("li", {}, time ? element("time", {}, `${time} `) : null, name(text));
  const steps = report.history.map((line) => entry(
    line.datetime_utc, [line.event, line.status, line.dst && `as ${line.dst}`, line.message].filter(Boolean).join("  ")));
  if (report.since) steps.unshift(entry(report.since, "came to the inbox"));
  const facts = [["State", report.state], ["Reason", report.reason], ["Next try", report.next_try], ["What to do", report.advice]];
  return [
    element("p", {}, name(report.file)),
    element("dl", {class: "facts"}, ...facts.filter(([, text]) => text).map(
      ([label, text]) => element("div", {}, element("dt", {}, label), element("dd", {class: "small"}, name(text))))),
    steps.length > 0 ? element("ol", {class: "timeline"}, ...steps) : element("p", {class: "dim"}, "The log has nothing of it."),
    report.passed_over.length > 0 ? element("p", {class: "dim"}, `Not read, because compressed: ${report.passed_over.length} logs`) : null,
  ].filter(Boolean);
}

export function explainPart(section) {
  const field = element("input", {type: "text", "aria-label": "Name of a file", placeholder: "Name or path of a file", required: true, maxlength: 4096});
  const body = element("div", {"aria-live": "polite"});
  const form = element("form", {
    class: "bar",
    submit: async (event) => {
      event.preventDefault();
      setText(body, "Searching");
      try {
        body.replaceChildren(...timeline((await get(`/api/${section}/explain`, {file: field.value})).result));
      } catch (error) {
        body.replaceChildren(element("p", {}, error.message));
      }
    },
  }, field, element("button", {}, "Explain"));
  return element("details", {}, element("summary", {}, "Search a file"), form, body);
}

function table(heads, rows) {
  return element("div", {class: "scroll"}, element(
    "table", {}, element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", {scope: "col"}, head)))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map((cell) => element("td", {}, name(cell))))))));
}

export function peersPart(section) {
  return part("Peers", async (body) => {
    const {result} = await get(`/api/${section}/peers`);
    body.replaceChildren(result.peers.length === 0
      ? element("p", {}, "None.")
      : table(["Node", "Manifest is", "Reason"], result.peers.map((peer) => [peer.node || peer.manifest, peer.state, peer.reason])));
  });
}

export function placesPart(section, actions) {
  const load = async (body) => {
    const {result} = await get(`/api/${section}/place`);
    const rows = result.places.map((place) => element(
      "li", {}, element("div", {}, element("strong", {}, place.role), " ", name(place.path)),
      element("p", {class: "remedy"}, name(place.state)),
      actions ? actionButton(section, "adopt", `Adopt as ${place.role}`,
                             "The directory at this path is the place from now on:", [place.role], () => load(body)) : null));
    body.replaceChildren(element("ul", {class: "items"}, ...rows));
  };
  return part("Places", load);
}

// The checks that take long, or write to the disk.
export function checksPart(section, actions) {
  const body = element("div", {"aria-live": "polite"});
  const check = (label, run) => element("button", {
    type: "button",
    click: async (event) => {
      event.target.disabled = true;
      setText(body, `${label}: working`);
      const begin = Date.now();
      try {
        const reply = await run();
        const verdict = reply.status === 0 ? "all is as it should be" : "not all is as it should be";
        body.replaceChildren(
          element("p", {class: `alert ${reply.status === 0 ? "good" : "bad"}`},
                  `${label}: ${verdict}, after ${duration((Date.now() - begin) / 1000)}. ${reply.message}`),
          details(reply.result));
      } catch (error) {
        body.replaceChildren(element("p", {class: "alert bad"}, `${label}: ${error.message}`));
      }
      event.target.disabled = false;
    },
  }, label);
  const buttons = [check("Check the audit log", () => get(`/api/${section}/audit`))];
  if (actions) {
    for (const directory of ["inbox", "outbox"])
      buttons.push(check(`Test the disk of the ${directory}`, () => act(section, "doctor", [directory])));
  }
  return element("details", {}, element("summary", {}, "Checks"),
                 element("div", {class: "bar"}, ...buttons,
                         actions ? actionButton(section, "reload", "Reload", "The relay reads its policy and keys again.", [section]) : null),
                 actions ? null : element("p", {class: "dim"}, `The test of a disk writes to it: paxect ${section} doctor DIR.`),
                 body);
}

// Any JSON as nested lists.
function details(value) {
  if (value === null || typeof value !== "object") return name(String(value));
  const entries = Array.isArray(value) ? value.map((each) => [null, each]) : Object.entries(value);
  return element("ul", {}, ...entries.slice(0, 200).map(
    ([key, each]) => element("li", {}, key === null ? null : `${key}: `, details(each))));
}
