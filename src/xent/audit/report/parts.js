import { format, readout } from "../../explorer/charts.js";

// The building blocks of the page: elements, sections, tables, figures. Text goes in as text nodes only, so that no
// name in the data can be anything but a name.

/** el("p", {class: "lead"}, "words", node, …): attributes by name, on… as listeners, null children left out. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value == null || value === false) continue;
    if (typeof value === "function") node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child != null).map((child) => (typeof child === "string" ? bound(child) : child)));
  return node;
}

/** "5 %" stays on one line. */
const bound = (words) => words.replace(/(\d) %/g, "$1\u00a0%");

export const p = (...children) => el("p", {}, ...children);
export const note = (...children) => el("p", { class: "note" }, ...children);
export const h3 = (words) => el("h3", {}, words);

/** A value that is not there: a dash and the reason. */
export const absent = (reason) => el("span", { class: "absent" }, `— ${reason ?? "not computed"}`);

/** An estimate as "0.951 [0.930, 0.967]", or its absence with the reason. */
export const estimate = (e, one) => (e?.value == null ? absent(e?.reason) : format.estimate(e, one));

/** A number, or its absence with the reason. */
export const number = (x, reason, one = format.number) => (x == null ? absent(reason) : one(x));

export const { plural, share } = format;

/** The value of an estimate, null where there is none; and the order by it, absent ones last. */
export const value = (e) => e?.value ?? null;
export const byValue = (a, b) => (value(a) == null) - (value(b) == null) || value(a) - value(b);

export const MOST_LINES = 30; // a chart of lines shows at most this many; its table has them all

/** A word with its sign; the sign (of `tone`) is decoration, the word carries the meaning. */
export const status = (word, tone = word) => el("span", { class: `status ${tone}` }, word);

/** What is counted and how it is called: rows, or their weight where the audit is weighted. */
export const unitsOf = ({ source }) =>
  source.weight_column == null
    ? { weighted: false, unit: "rows", head: "Rows", n: "n", size: "n", tag: "" }
    : { weighted: true, unit: "weight", head: "Weight", n: "eff. n", size: "Effective rows", tag: ", weighted" };

export function section(id, title, ...children) {
  const heading = el("h2", { id: `${id}-title` }, title);
  return el("section", { id, "aria-labelledby": `${id}-title` }, heading, ...children);
}

/** Pairs of term and description. */
export function facts(pairs) {
  return el("dl", { class: "facts" }, pairs.flatMap(([term, words]) => [el("dt", {}, term), el("dd", {}, words)]));
}

const compare = (a, b) => {
  if (a == null || b == null) return (a == null) - (b == null); // absent ones last, in either direction
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
};

const PRINTED = 60;

/**
 * columns: {head, cell(row), key?(row), words?}. `key` makes the column sortable; `words` sets it as text, to the left.
 * Rows beyond `limit` wait behind a button. On paper stand the first 60, or `limit` where the table is to be `brief`.
 */
export function table(caption, columns, rows, { limit = 20, about = "", brief = false } = {}) {
  const body = el("tbody");
  const more = el("button", { type: "button", class: "more", onclick: () => fill((open = !open)) });
  let [order, open] = [rows, rows.length <= limit + 3];
  const collapsible = !open;
  const printed = brief && collapsible ? limit : PRINTED;
  function fill() {
    body.replaceChildren(
      ...order.map((row, i) => {
        const cells = columns.map((c, j) => el(j ? "td" : "th", { scope: j ? null : "row", class: c.words ? "words" : null }, c.cell(row)));
        const folded = open || i < limit ? "" : "beyond";
        return el("tr", { class: i < printed ? folded || null : `${folded} unprinted` }, cells);
      }),
    );
    more.textContent = open ? `Show the first ${limit}` : `Show all ${format.count(rows.length)}`;
  }
  const heads = columns.map((c) => {
    const cell = el("th", { scope: "col", class: c.words ? "words" : null });
    if (!c.key || rows.length < 2) return cell.append(bound(c.head)), cell;
    const sort = () => {
      const up = cell.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", up ? "ascending" : "descending");
      const sign = (a, b) => (a == null || b == null ? compare(a, b) : up ? compare(a, b) : compare(b, a));
      order = [...rows].sort((a, b) => sign(c.key(a), c.key(b)));
      fill();
    };
    cell.append(el("button", { type: "button", class: "sort", onclick: sort }, c.head));
    return cell;
  });
  fill();
  const grid = el("table", {}, el("caption", {}, caption), el("thead", {}, el("tr", {}, heads)), body);
  const box = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, grid);
  const rest = rows.length > printed ? el("p", { class: "note rest" }, `${plural(rows.length - printed, "more row")} on screen.`) : null;
  return el("div", { class: "table" }, box, rest, about ? note(about) : null, collapsible ? more : null);
}

let figures = 0;
let choices = 0;

/**
 * A chart with its words: title, what to look at, the drawing (redrawn to the width it has), its read-out, its table.
 * `draw(width)` returns an <svg>; calling `.redraw()` on the figure draws again after a choice was made.
 */
export function figure(title, about, draw, numbers, { controls = null, most = 860 } = {}) {
  const box = el("div", { class: "chart" });
  const said = el("output", { class: "readout", "aria-live": "polite" });
  const hint = matchMedia("(hover: hover)").matches ? "Point at any chart, or use the arrow keys, to read it out." : "Touch any chart to read it out.";
  const rest = figures === 0 ? hint : ""; // once is enough
  const details = el("details", {}, el("summary", {}, "Table"), numbers);
  const caption = el("figcaption", {}, el("h3", {}, `Figure ${++figures}. `, title), about ? p(about) : null);
  const node = el("figure", { style: `max-width: ${most}px` }, caption, controls, box, said, details);
  let drawn = 0;
  node.redraw = () => {
    const chart = draw(Math.max(240, Math.floor(drawn)));
    box.replaceChildren(chart);
    readout(chart, said, rest);
  };
  new ResizeObserver(([entry]) => {
    const width = entry.contentRect.width;
    if (width < 1 || Math.abs(width - drawn) < 1 || matchMedia("print").matches) return;
    drawn = width;
    node.redraw();
  }).observe(box);
  return node;
}

/** A row of choices, one of them taken. options: [value, words]. */
export function choice(legend, options, onpick) {
  const name = `choice-${++choices}`;
  const inputs = options.map(([value, words], i) =>
    el("label", {}, el("input", { type: "radio", name, value, checked: i === 0, onchange: () => onpick(value) }), el("span", {}, words)),
  );
  return el("fieldset", { class: "choice" }, el("legend", {}, legend), inputs);
}
