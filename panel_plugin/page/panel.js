// The page: follows the reports and keeps one view for each section.
import {setBadge, setText} from "./dom.js";
import {clock} from "./format.js";
import {judge, RelayView} from "./relay.js";
import {follow, openSession} from "./server.js";

const views = new Map();
const overall = document.getElementById("overall");
const connection = document.getElementById("connection");
const relays = document.getElementById("relays");

// The worst of all sections, in words.
function summarize(sections) {
  const all = sections.map(judge);
  const of = (kind) => all.filter((each) => each.kind === kind).length;
  if (of("bad") > 0) return ["bad", `${of("bad")} of ${all.length} do not run or answer`];
  if (of("warn") > 0) return ["warn", `${of("warn")} of ${all.length} need attention`];
  if (of("good") === 0) return ["unknown", "Nothing reported yet"];
  return ["good", "All is well"];
}

function show(state, session) {
  for (const section of state.sections) {
    if (!views.has(section.name)) {
      views.set(section.name, new RelayView(section, session));
      relays.append(views.get(section.name).root);
    }
    views.get(section.name).update(section, state.now_ms);
  }
  const [kind, text] = summarize(state.sections);
  setBadge(overall, kind, text);
  const title = `${text} - PAXECT panel`;
  if (document.title !== title) document.title = title;
  setText(connection, "");
}

function lose(since) {
  setBadge(overall, "bad", "No connection to the panel");
  document.title = "No connection - PAXECT panel";
  setText(connection, `What follows is from ${clock(since)}.`);
}

async function begin() {
  try {
    const session = await openSession();
    setText(document.getElementById("about"),
            `PAXECT panel ${session.version}, as ${session.who}. ${session.actions ? "Actions are allowed and recorded." : "This panel only shows."}`);
    follow((state) => show(state, session), lose);
  } catch (error) {
    setBadge(overall, "bad", "No connection to the panel");
    setText(connection, error.message);
    setTimeout(begin, 3000);
  }
}

begin();
