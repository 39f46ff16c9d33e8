// A small chart of one value over time. An SVG of our own: one path, no library to serve and to keep current.
import {drawing, element} from "./dom.js";
import {duration} from "./format.js";

const WIDTH = 600;
const HEIGHT = 100;
const MIN_SPAN = 300;

// `points` are [seconds, value]; the chart ends at `end` and shows `span` seconds, or what there is of them. A gap
// of more than three steps breaks the curve: nothing was measured then.
export function chart(caption, points, {end, span, step, format}) {
  const first = points.length > 0 ? points[0][0] : end;
  const start = Math.max(end - span, Math.min(first, end - MIN_SPAN));
  const shown = points.filter(([time, value]) => time >= start && value !== null);
  const highest = Math.max(0, ...shown.map(([, value]) => value));
  const last = shown.length > 0 ? shown[shown.length - 1][1] : 0;
  const x = (time) => ((time - start) / (end - start)) * WIDTH;
  const y = (value) => HEIGHT - 4 - (highest > 0 ? value / highest : 0) * (HEIGHT - 12);
  let curve = "";
  let area = "";
  let from = 0;
  shown.forEach(([time, value], i) => {
    const isFirst = i === 0 || time - shown[i - 1][0] > 3 * step;
    if (isFirst) from = x(time);
    curve += `${isFirst ? "M" : "L"}${x(time).toFixed(1)} ${y(value).toFixed(1)}`;
    area += `${isFirst ? "M" : "L"}${x(time).toFixed(1)} ${y(value).toFixed(1)}`;
    // A value without neighbours is a short line.
    const isAlone = isFirst && !(i + 1 < shown.length && shown[i + 1][0] - time <= 3 * step);
    if (isAlone) curve += "h2";
    const isLast = i === shown.length - 1 || shown[i + 1][0] - time > 3 * step;
    if (isLast) area += `L${x(time).toFixed(1)} ${HEIGHT - 4}L${from.toFixed(1)} ${HEIGHT - 4}Z`;
  });
  const text = shown.length === 0
    ? `${caption}: nothing measured yet`
    : `${caption}, last ${duration(end - start)}: ${format(last)} latest, at most ${format(highest)}`;
  const picture = drawing(
    "svg", {class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img",
            "aria-label": text},
    drawing("line", {class: "axis", x1: 0, x2: WIDTH, y1: HEIGHT - 4, y2: HEIGHT - 4}),
    drawing("path", {class: "area", d: area}),
    drawing("path", {class: "curve", d: curve}));
  return element("figure", {}, picture, element("figcaption", {}, text));
}
