// Elements made by code. Text is always a text node: the name of a file is never parsed as HTML.
import {visible} from "./format.js";

// element("p", {class: "dim"}, "text", child): attributes are set, functions become listeners.
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(name, value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function drawing(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// The name of a file or another text that others chose.
export function name(text) {
  return element("bdi", {class: "name"}, visible(text));
}

// Changes the text only where it differs, so that a screen reader does not read it again.
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

export function setBadge(target, kind, text) {
  const classes = `badge ${kind}`;
  if (target.className !== classes) target.className = classes;
  setText(target, text);
}
