// The parts of a relay that are loaded when they are opened: lists in pages, the search, checks on demand.
import {element, name, setText} from "./dom.js";
import {duration, label, size, visible} from "./format.js";
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

// Gives the part a function that loads it again without being asked: unless it is closed, or the operator is in it,
// whose place would be lost. A screen reader does not read it out again. Returns whether it loads.
function follow(details, body, load) {
  details.follow = () => {
    const inside = details.contains(document.activeElement) && document.activeElement.tagName !== "SUMMARY";
    if (!details.open || inside || document.querySelector("dialog[open]")) return false;
    body.setAttribute("aria-live", "off");
    load().finally(() => body.setAttribute("aria-live", "polite"));
    return true;
  };
  return details;
}

// <details> that calls load(body) when it is opened, and again by its button.
function part(title, load, again = "Refresh") {
  const body = element("div", {"aria-live": "polite"});
  const run = async (event) => {
    if (event || body.childNodes.length === 0) setText(body, "Loading");
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
  return follow(details, body, run);
}

// A list that the panel cuts into pages.
// `head`, if given, makes the part above the list from the other members of the report.
function pagedPart(title, path, item, head = () => []) {
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
      const unlisted = reply.rest.unlisted > 0 ? `, and ${reply.rest.unlisted} that are not listed` : "";
      const shown = [
        ...head(reply.rest, load),
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
  return follow(details, body, load);
}

export function waitingPart(section) {
  return pagedPart("Files with a problem", `api/${section}/waiting`, (file) => element(
    "li", {}, element("div", {}, name(file.path), " ", element("span", {class: "badge warn"}, file.state)),
    element("p", {class: "remedy"}, name(file.reason)),
    file.advice ? element("p", {class: "remedy"}, element("strong", {}, "What to do: "), name(file.advice)) : null,
    element("p", {class: "remedy dim"}, `Since ${file.since}`,
            file.attempts > 0 ? `, tried ${file.attempts} times` : "", file.next_try ? `, next try ${file.next_try}` : "")));
}

export function quarantinePart(section, actions) {
  return pagedPart("Quarantine", `api/${section}/quarantine`, (file, load) => element(
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

// The way of one file. A digest has a line of its own.
function step(line) {
  const digest = /^sha256=([0-9a-f]{64})$/.exec(line.message || "");
  const text = [line.event, line.status, line.dst && `as ${line.dst}`, digest ? "" : line.message].filter(Boolean).join("  ");
  return element("li", {}, line.datetime_utc ? element("time", {}, `${line.datetime_utc} `) : null, name(text),
                 digest ? element("div", {class: "dim"}, "SHA-256 ", name(digest[1])) : null);
}

function timeline(report) {
  if (!Array.isArray(report.history)) return [details(report)];
  const steps = report.history.map(step);
  if (report.since) steps.unshift(step({datetime_utc: report.since, event: "came to the inbox"}));
  const facts = [["State", report.state], ["Reason", report.reason], ["Next try", report.next_try], ["What to do", report.advice]];
  const passed = (report.passed_over || []).length;
  return [
    element("p", {}, name(report.file)),
    element("dl", {class: "facts"}, ...facts.filter(([, text]) => text).map(
      ([label, text]) => element("div", {}, element("dt", {}, label), element("dd", {class: "small"}, name(text))))),
    steps.length > 0 ? element("ol", {class: "timeline"}, ...steps) : element("p", {class: "dim"}, "The log has nothing of it."),
    passed > 0 ? element("p", {class: "dim"}, `Not read, because compressed: ${passed} logs`) : null,
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
        body.replaceChildren(...timeline((await get(`api/${section}/explain`, {file: field.value})).result));
      } catch (error) {
        body.replaceChildren(element("p", {}, error.message));
      }
    },
  }, field, element("button", {}, "Explain"));
  return element("details", {}, element("summary", {}, "Search a file"), form, body);
}

const MAX_ROWS = 200;

function cellText(value) {
  if (value === null || value === undefined || value === "") return "-";
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

// A table of objects; its columns are their members.
function table(caption, objects) {
  const heads = [...new Set(objects.flatMap(Object.keys))];
  const rows = objects.slice(0, MAX_ROWS).map(
    (each) => element("tr", {}, ...heads.map((head) => element("td", {}, name(cellText(each[head]))))));
  return element("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": caption}, element(
    "table", {}, element("caption", {}, objects.length > MAX_ROWS ? `${caption}: the first ${MAX_ROWS} of ${objects.length}` : caption),
    element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", {scope: "col"}, label(head))))),
    element("tbody", {}, ...rows)));
}

// All lists of a report as tables.
function tables(report) {
  const lists = Object.entries(report).filter(([, value]) => Array.isArray(value) && value.length > 0);
  if (lists.length === 0) return [element("p", {}, "None.")];
  return lists.map(([key, value]) => table(label(key), value.map((each) => (each !== null && typeof each === "object" ? each : {[key]: each}))));
}

export function peersPart(section) {
  return part("Peers", async (body) => {
    const {result} = await get(`api/${section}/peers`);
    body.replaceChildren(...tables(result));
  });
}

// What the lists of a sender name and is not here.
export function missingPart(section) {
  const entryText = (entry) => (entry.last > entry.first ? `${entry.first} to ${entry.last}` : String(entry.first));
  const stream = (each) => element(
    "li", {}, element("div", {}, name(each.sender), ` ${each.missing} missing, ${each.expected} expected`,
                      each.lists_missing > 0 ? `, ${each.lists_missing} lists missing with what they name` : "",
                      each.silent ? ", its next list is overdue" : "", each.forked ? ", forked: nothing more of it is delivered" : ""),
    element("p", {class: "remedy dim"}, (each.heard_utc ? `Last list ${each.last_list}, heard ${each.heard_utc}, ` : "No list came, another stream continues it: ") + `stream ${each.stream}`),
    each.entries.length > 0
      ? table("Entries", each.entries.slice(0, PAGE).map((entry) => ({entry: entryText(entry), state: entry.state, name: entry.name, list: entry.list})))
      : null,
    each.missing + each.expected > PAGE ? element("p", {class: "dim"}, `The first ${PAGE} are shown.`) : null,
    each.missing + each.lists_missing > 0
      ? element("p", {class: "remedy"}, element("strong", {}, "What to do: "),
                name(`ask the sender to send again what its receipts show as missing, or give it the file of paxect ${section} missing --request FILE`))
      : null);
  return part("Missing", async (body) => {
    const {result} = await get(`api/${section}/missing`);
    body.replaceChildren(result.streams.length === 0
      ? element("p", {}, "No lists of a sender are known.")
      : element("ul", {class: "items"}, ...result.streams.map(stream)));
  });
}

// What receivers have confirmed of what was sent, and the sources that are kept until then.
export function sentPart(section, actions) {
  const receiver = (each, load) => element(
    "li", {}, element("div", {}, name(each.node), ` has ${each.delivered} of ${each.sent}, misses ${each.missing}, expects ${each.expected}, refused ${each.refused}`),
    element("p", {class: "remedy dim"}, each.made ? `By its receipt of ${each.made}, stream ${each.stream}` : `No receipt yet, stream ${each.stream}`),
    each.missing === 0 || !each.receipt ? null : actions
      ? actionButton(section, "resend", "Resend", "What this receiver misses of this stream is sent again:", [each.node, each.stream], load)
      : element("p", {class: "remedy"}, element("strong", {}, "What to do: "), name(`paxect ${section} resend ${each.receipt}`)));
  return pagedPart("Sent and confirmed", `api/${section}/sent`, (file) => element(
    "li", {}, element("div", {}, name(file.source)), element("p", {class: "remedy"}, name(file.unconfirmed.join(", ") || "confirmed by all")),
    element("p", {class: "remedy dim"}, `Listed ${file.listed} as entry ${file.entry}`)), (rest, load) => [
    element("ul", {class: "items"}, ...rest.receivers.map((each) => receiver(each, load))),
    ...(rest.refused_receipts.length > 0 ? [table("Receipts that do not count", rest.refused_receipts.map((reason) => ({reason})))] : []),
    element("h3", {}, "Sources that are kept"),
  ]);
}

export function placesPart(section, actions) {
  const load = async (body) => {
    const {result} = await get(`api/${section}/place`);
    const rows = result.places.map((place) => element(
      "li", {}, element("div", {}, element("strong", {}, place.role), " ", name(place.path)),
      element("p", {class: "remedy"}, name(place.state)),
      actions ? actionButton(section, "adopt", `Adopt as ${place.role}`,
                             "The directory at this path is the place from now on:", [place.role], () => load(body)) : null));
    body.replaceChildren(element("ul", {class: "items"}, ...rows));
  };
  return part("Places", load);
}

// The checks that take long, or write to the disk. `commands` are those of the section, and what follows each.
export function checksPart(section, actions, commands, report) {
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
                  `${label}: ${verdict}, after ${duration((Date.now() - begin) / 1000)}. ${visible(reply.message)}`),
          details(reply.result));
      } catch (error) {
        body.replaceChildren(element("p", {class: "alert bad"}, `${label}: ${visible(error.message)}`));
      }
      event.target.disabled = false;
    },
  }, label);
  const buttons = [];
  if ("audit" in commands) buttons.push(check("Check the audit log", () => get(`api/${section}/audit`)));
  const wantsDirectory = (commands.doctor || "").includes("DIR");
  const doctors = wantsDirectory
    ? ["inbox", "outbox", "folder"].filter((each) => String(report[each] || "").startsWith("/")).map((each) => [`Test the disk of the ${each}`, each])
    : [["Run doctor", section]];
  if (actions && "doctor" in commands)
    for (const [label, directory] of doctors) buttons.push(check(label, () => act(section, "doctor", [directory])));
  const reload = actions && typeof report.pid !== "undefined"
    ? actionButton(section, "reload", "Reload", "The relay reads its policy and keys again.", [section]) : null;
  const hint = !actions && "doctor" in commands
    ? element("p", {class: "dim"}, `The test of a disk writes to it: paxect ${section} doctor${wantsDirectory ? " DIR" : ""}.`) : null;
  if (buttons.length === 0 && !reload && !hint) return null;
  return element("details", {}, element("summary", {}, "Checks"), element("div", {class: "bar"}, ...buttons, reload), hint, body);
}

// Any JSON as nested lists.
function details(value) {
  if (value === null || typeof value !== "object") return name(String(value));
  const entries = Array.isArray(value) ? value.map((each) => [null, each]) : Object.entries(value);
  return element("ul", {}, ...entries.slice(0, 200).map(
    ([key, each]) => element("li", {}, key === null ? null : `${key}: `, details(each))));
}
