// One section: its state in words, its numbers, its charts and the parts that open.
import {chart} from "./chart.js";
import {element, name, setBadge, setText} from "./dom.js";
import {clock, count, duration, elapsed, label, rate, size, visible} from "./format.js";
import {checksPart, explainPart, missingPart, peersPart, placesPart, quarantinePart, sentPart, waitingPart} from "./lists.js";
import {get} from "./server.js";

// The members of a report that have a label; others of the same form are shown by their name.
const LABELS = {
  "backlog.files": ["Waiting", count],
  "backlog.bytes": ["Size waiting", size],
  "backlog.oldest_seconds": ["Oldest waits", duration],
  "backlog.pending": ["Pending", count],
  "backlog.blocked": ["Blocked", count],
  "backlog.held": ["Held", count],
  "backlog.kept": ["Delivered and kept", count],
  "backlog.ignored": ["Ignored", count],
  "in_flight": ["In flight", count],
  "quarantine": ["In quarantine", count],
  "last_minute.files": ["Files, last minute", count],
  "last_minute.files_per_second": ["Files per second", rate],
  "last_minute.bytes_per_second": ["Data per second", size],
  "latency.median_seconds": ["Median latency", elapsed],
  "latency.p95_seconds": ["95 % of files within", elapsed],
  "proof.missing": ["Missing", count],
  "proof.expected": ["Expected", count],
  "proof.unconfirmed": ["Unconfirmed", count],
  "proof.silent": ["Silent streams", count],
  "proof.forked": ["Forked streams", count],
  "sent.lists": ["Lists sent", count],
  "sent.entries": ["Containers listed", count],
  "sent.unlisted": ["Not listed yet", count],
  "sent.unreceipted": ["Without a receipt", count],
  "sent.unreceipted_seconds": ["Without a receipt for", duration],
  "sent.receipt_age_seconds": ["Age of the oldest receipt", duration],
  "sent.missing": ["Missing at receivers", count],
  "sent.refused": ["Refused by receivers", count],
  "repaired.files": ["Repaired", count],
};
const HIDDEN = ["pid", "report_age_seconds", "last_minute.bytes", "latency.files", "repaired.cells"];
// Numbers that want somebody to look, by the words of which their names consist.
const ATTENTION = new Set(["pending", "blocked", "held", "quarantine", "missing", "late", "silent", "forked", "rejected", "refused", "unreadable", "poison", "stuck"]);
const wantsAttention = (key, value) => value > 0 && key.split(/[._]/).some((word) => ATTENTION.has(word));
const labelOf = (key) => (LABELS[key] ? LABELS[key][0] : label(key));

function numbers(report) {
  const found = new Map(Object.keys(LABELS).map((key) => [key, undefined]));
  for (const [key, value] of Object.entries(report)) {
    if (typeof value === "number") found.set(key, value);
    if (value === null || typeof value !== "object" || Array.isArray(value)) continue;
    for (const [inner, each] of Object.entries(value))
      if (typeof each === "number") found.set(`${key}.${inner}`, each);
  }
  return [...found].filter(([key, value]) => value !== undefined && !HIDDEN.includes(key));
}

// The numbers of a report with which the list of a command changes.
const COUNTS = {
  waiting: ["backlog.pending", "backlog.blocked", "backlog.held"],
  quarantine: ["quarantine"],
  missing: ["proof.missing", "proof.expected", "proof.silent", "proof.forked"],
  sent: ["proof.unconfirmed", "sent.entries", "sent.unreceipted", "sent.missing", "sent.refused"],
};
const FOLLOW_INTERVAL = 5000;  // ms

// {kind, text, detail}: how the section is, in words.
export function judge(section) {
  const report = section.report;
  if (!section.asked) return {kind: "unknown", text: "Not asked yet", detail: ""};
  if (section.silent) return {kind: "unknown", text: "Reports nothing", detail: "Its plugin offers no command status."};
  if (section.error) return {kind: "bad", text: "No answer", detail: section.error};
  if (report.state === "stopped") return {kind: "bad", text: "Not running", detail: ""};
  if (report.state === "unresponsive")
    return {kind: "bad", text: "Not responding", detail: Object.values(report.trouble || {}).join("; ")};
  if (report.state === "waiting") return {kind: "warn", text: "Waiting", detail: report.waiting_for || ""};
  if (report.state && report.state !== "running") return {kind: "warn", text: label(String(report.state)), detail: ""};
  const troubles = Object.entries(report.trouble || {}).map(([about, text]) => `${about}: ${text}`);
  if (troubles.length > 0) return {kind: "warn", text: "Running with trouble", detail: troubles.join("; ")};
  const attention = numbers(report).filter(([key, value]) => wantsAttention(key, value));
  if (attention.length > 0) {
    const words = attention.map(([key, value]) => `${labelOf(key).toLowerCase()}: ${count(value)}`);
    return {kind: "warn", text: "Running, needs attention", detail: words.join(", ")};
  }
  return {kind: "good", text: "Running", detail: ""};
}

// A relay reports its mode: only a receiver misses something, and only a sender has sent something.
function isFor(command, report) {
  const mode = {missing: "receive", sent: "send"}[command];
  return mode === undefined || report.mode === undefined || report.mode === mode;
}

export class RelayView {
  constructor(section, session) {
    this.section = section.name;
    this.span = "hour";
    this.facts = new Map();
    this.report = {};
    this.parts = [];
    const title = `relay-${section.name}`;
    this.badge = element("p", {class: "badge unknown", role: "status"});
    this.since = element("p", {class: "dim"});
    this.detail = element("p", {class: "alert warn", hidden: true});
    this.about = element("p", {class: "dim"});
    this.list = element("dl", {class: "facts"});
    this.hands = element("ul", {class: "items"});
    this.charts = element("div", {class: "charts"});
    this.actions = session.actions;
    this.root = element("section", {class: "relay", "aria-labelledby": title},
                        element("header", {}, element("h2", {id: title}, section.name), this.badge, this.since), this.detail);
  }

  update(section, now) {
    this.now = now;  // the clock of the panel: that of the browser may differ
    const {kind, text, detail} = judge(section);
    setBadge(this.badge, kind, text);
    setText(this.since, section.since_ms ? `${section.since_start ? "at least since" : "since"} ${clock(section.since_ms)}` : "");
    this.detail.hidden = detail === "";
    this.detail.className = `alert ${kind === "unknown" ? "dim" : kind}`;
    setText(this.detail, visible(detail));
    if (!section.report) return;
    if (!this.list.isConnected) this.open(section);
    this.updateReport(section, now);
  }

  // The parts that the section has commands or numbers for.
  open({name, commands, report}) {
    const offered = [
      ["waiting", waitingPart], ["quarantine", quarantinePart], ["missing", missingPart], ["sent", sentPart],
      ["explain", explainPart], ["peers", peersPart], ["place", placesPart],
    ].filter(([command]) => command in commands && isFor(command, report))
      .map(([command, part]) => ({command, root: part(name, this.actions), counts: "", due: 0}));
    this.parts = offered;
    this.root.append(this.about, this.list, this.hands);
    if (report.last_minute || report.backlog || report.latency !== undefined) {
      const span = element(
        "select", {"aria-label": "Time shown in the charts", change: () => { this.span = span.value; this.loadCharts(); }},
        element("option", {value: "hour"}, "Last hour"), element("option", {value: "day"}, "Last day"));
      this.root.append(element("div", {class: "bar"}, span), this.charts);
      this.loadCharts();
      setInterval(() => this.loadCharts(), 10000);
    }
    this.root.append(...offered.map((each) => each.root));
    const checks = checksPart(name, this.actions, commands, report);
    if (checks) this.root.append(checks);
  }

  updateReport(section, now) {
    const report = section.report;
    this.report = report;
    const last = report.last_delivery ? `last delivery ${report.last_delivery.datetime_utc}`
      : report.last_delivery === null ? "no delivery in the log" : "";
    const parts = [report.node && `node ${report.node}`, report.mode && `mode ${report.mode}`, last];
    const age = (now - section.reported_ms) / 1000;
    if (age > 15) parts.push(`reported ${duration(age)} ago`);
    setText(this.about, visible(parts.filter(Boolean).join(", ")));
    const found = new Map(numbers(report));
    this.followCounts(found, now);
    for (const [key, value] of found) this.updateFact(key, value);
    for (const [key, {box, text}] of this.facts) {
      if (found.has(key)) continue;
      setText(text, "-");  // such as the latency when no file was delivered
      box.classList.remove("attention");
    }
    const hands = (report.in_hand || []).slice(0, 10).map((file) => element(
      "li", {}, "In hand: ", name(file.path), ` ${size(file.bytes_read)} of ${size(file.bytes)}, for ${duration(file.seconds)}`));
    if (hands.length > 0 || this.hands.childNodes.length > 0) this.hands.replaceChildren(...hands);
  }

  // An open list is loaded again when what it is about has changed.
  followCounts(found, now) {
    for (const part of this.parts) {
      const counts = (COUNTS[part.command] || []).map((key) => found.get(key)).join();
      if (counts === part.counts || now < part.due) continue;
      if (part.root.open && !part.root.follow()) continue;
      part.counts = counts;
      part.due = now + FOLLOW_INTERVAL;
    }
  }

  updateFact(key, value) {
    const format = LABELS[key] ? LABELS[key][1] : count;
    if (!this.facts.has(key)) {
      const text = element("dd", {});
      const box = element("div", {}, element("dt", {}, labelOf(key)), text);
      this.facts.set(key, {box, text});
      this.list.append(box);
    }
    const {box, text} = this.facts.get(key);
    setText(text, format(value));
    box.classList.toggle("attention", wantsAttention(key, value));
  }

  async loadCharts() {
    try {
      const points = (await get(`api/${this.section}/history`))[this.span];
      const range = this.span === "hour" ? {span: 3600, step: 10} : {span: 86400, step: 240};
      const options = {...range, end: Math.floor(this.now / 1000)};
      const track = (index) => points.map((point) => [point[0], point[index]]);
      const charts = [];
      if (this.report.last_minute)
        charts.push(chart("Files per second", track(1), {...options, format: rate}),
                    chart("Data per second", track(2), {...options, format: size}));
      if (this.report.latency !== undefined)
        charts.push(chart("Median latency", track(5), {...options, format: elapsed}));
      if (this.report.backlog)
        charts.push(chart("Files waiting", track(3), {...options, format: count}),
                    chart("Age of the oldest", track(4), {...options, format: duration}));
      this.charts.replaceChildren(...charts);
    } catch {
      // The line about the connection says that the panel does not answer.
    }
  }
}
