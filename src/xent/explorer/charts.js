// Hand-written SVG charts for the audit's report and the explorer: data in, an SVG element out.
//
// Every function is pure: it reads its arguments and returns a new <svg> drawn for `width` CSS pixels, so text keeps its
// size on a phone; redraw when the width changes. Colours come only from custom properties of the page: --ink (text),
// --soft (secondary text), --rule (lines), --paper (ground), --band (what chance allows), --before and --after (the two
// models, told apart by shape too), --accent, --wrong, --on-middle (text on a half-deep colour). A mark that can be read out carries its sentence in `data-say`;
// `readout` shows it on hover and on the arrow keys. A missing value arrives as null and is drawn as words or not at all.

const NS = "http://www.w3.org/2000/svg";
const SMALL = 11.5; // text in charts, px
const GLYPH = 6.8; // its mean advance, px

// ---------------------------------------------------------------------------------------------------- numbers as text

const SUPERSCRIPT = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
const minus = (text) => text.replace("-", "−");
const grouped = (text) => text.replace(/\B(?=(\d{3})+(?!\d))/g, ",");

function scientific(x) {
  const [mantissa, power] = x.toExponential(1).split("e");
  return `${minus(mantissa)} × 10${[...power.replace("+", "")].map((c) => SUPERSCRIPT[c]).join("")}`;
}

/** "3 rows", or "weight 2.5" where rows are weighted. */
const amount = (n, unit) => (unit === "rows" ? format.plural(n, "row") : `${unit} ${format.count(n)}`);

/** Digits after the point with which an interval of this width is sensibly written. */
const digitsFor = (width) => (width > 0 ? Math.min(5, Math.max(3, Math.ceil(-Math.log10(width)) + 1)) : 3);

const NBSP = "\u00a0"; // before %, so that a number and its sign stay on one line

export const format = {
  /** A number of rows: 1,797; a weight or an effective number keeps one decimal. */
  count(x) {
    if (x == null) return "—";
    const size = Math.abs(x);
    if (size >= 1e12 || (size > 0 && size < 0.1)) return scientific(x);
    if (Number.isInteger(x)) return minus(grouped(String(x)));
    const [whole, rest] = x.toFixed(1).split(".");
    return minus(`${grouped(whole)}.${rest}`);
  },
  /** A quantity of any size: about three decimals, never a false 0. */
  number(x, digits = 3) {
    if (x == null) return "—";
    const size = Math.abs(x);
    if (size < 1e-15) return (0).toFixed(digits); // rounding error of a true 0
    if (size < 0.5 * 10 ** -digits || size >= 1e7) return scientific(x);
    if (size >= 1000) return format.count(Math.round(x));
    return minus(x.toFixed(size >= 100 ? Math.min(1, digits) : size >= 10 ? Math.min(2, digits) : digits));
  },
  /** A share in [0, 1]: never rounded to a 0 or a 1 that it is not. */
  share(x, digits = 3) {
    if (x == null) return "—";
    if (x <= 1e-12 || x >= 1 - 1e-12) return minus(x.toFixed(digits));
    for (let d = digits; d <= 6; d++) {
      const text = x.toFixed(d);
      if (Number(text) > 0 && Number(text) < 1) return text;
    }
    return x < 0.5 ? scientific(x) : "> 0.999999";
  },
  percent(x) {
    if (x == null) return "—";
    if (x > 0 && x < 0.0005) return `< 0.1${NBSP}%`;
    return x < 1 && x > 0.9995 ? `> 99.9${NBSP}%` : `${(100 * x).toFixed(1)}${NBSP}%`;
  },
  /** "1 row", "2 rows". */
  plural: (n, word, more = `${word}s`) => `${format.count(n)} ${n === 1 ? word : more}`,
  /** "0.951 [0.930, 0.967]", with the digits that the interval's width deserves. */
  estimate(e, one = format.share) {
    if (!e || e.value == null) return "—";
    if (e.low == null || e.high == null) return one(e.value);
    const digits = digitsFor(e.high - e.low);
    return `${one(e.value, digits)} [${one(e.low, digits)}, ${one(e.high, digits)}]`;
  },
};

// ------------------------------------------------------------------------------------------------------ scales, marks

/** A linear scale from a domain to a range. */
export function scale([d0, d1], [r0, r1]) {
  const slope = d1 === d0 ? 0 : (r1 - r0) / (d1 - d0);
  return (v) => r0 + (v - d0) * slope;
}

/** About `n` round numbers (1, 2 or 5 times a power of ten) within [low, high]. */
export function ticks(low, high, n = 5) {
  if (!(high > low)) return [low];
  const raw = (high - low) / n;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

const tickText = (v, all) => {
  const step = all.length > 1 ? all[1] - all[0] : 1;
  if (Math.abs(v) >= 1e7 || (v !== 0 && step < 1e-6)) return scientific(v);
  return step >= 1 ? format.count(v) : minus(v.toFixed(Math.max(1, Math.ceil(-Math.log10(step) - 1e-9))));
};

export function add(parent, name, attributes = {}, words = null) {
  const node = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) if (value != null) node.setAttribute(key, value);
  if (words != null) node.textContent = words;
  parent.append(node);
  return node;
}

function canvas(width, height, label) {
  const svg = document.createElementNS(NS, "svg");
  const attributes = { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label };
  for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, value);
  svg.setAttribute("font-size", SMALL);
  add(svg, "title", {}, label);
  return svg;
}

const text = (parent, x, y, words, { anchor = "start", fill = "var(--soft)", ...more } = {}) =>
  add(parent, "text", { x, y, "text-anchor": anchor, fill, ...more }, words);
const line = (parent, x1, y1, x2, y2, stroke = "var(--rule)", more = {}) =>
  add(parent, "line", { x1, y1, x2, y2, stroke, ...more });
/** A tick's words, centred on x as far as the chart has room for them. */
function tick(svg, x, y, words, width) {
  const half = (words.length * GLYPH) / 2;
  text(svg, Math.max(half, Math.min(width - half, x)), y, words, { anchor: "middle" });
}
const path = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

/** `words`, cut with an ellipsis to about `room` pixels. */
export function fit(words, room) {
  const most = Math.max(2, Math.floor(room / GLYPH));
  const letters = [...words];
  return letters.length <= most ? words : `${letters.slice(0, most - 1).join("")}…`;
}

/** A group that reads itself out: its sentence, and an area that catches the pointer. */
function speaking(parent, say, area) {
  const group = add(parent, "g", { "data-say": say, class: "mark" });
  add(group, "rect", { ...area, fill: "transparent", class: "hit" });
  return group;
}

/** A labelled frame: horizontal grid lines, tick labels, the y title above, the x title below. */
function frame({ width, height, left = 38, right = 10, top = 26, bottom = 38, x, y, xTitle, yTitle, label, xTicks, yTicks }) {
  const svg = canvas(width, height, label);
  const sx = scale(x, [left, width - right]);
  const sy = scale(y, [height - bottom, top]);
  const ys = yTicks ?? ticks(y[0], y[1], 5);
  for (const v of ys) {
    line(svg, left, sy(v), width - right, sy(v));
    text(svg, left - 6, sy(v) + 4, tickText(v, ys), { anchor: "end" });
  }
  const xs = xTicks ?? ticks(x[0], x[1], width < 300 ? 3 : 5);
  for (const v of xs) {
    line(svg, sx(v), height - bottom, sx(v), height - bottom + 4, "var(--soft)");
    text(svg, sx(v), height - bottom + 16, tickText(v, xs), { anchor: "middle" });
  }
  line(svg, left, height - bottom, width - right, height - bottom, "var(--soft)");
  text(svg, width - right, height - 4, xTitle, { anchor: "end" });
  text(svg, 0, 12, yTitle);
  return { svg, sx, sy, left, right: width - right, top, bottom: height - bottom };
}

/** The mark of one of the two models: a hollow square before, a filled disc after. */
function point(parent, x, y, tone, r = 3.8) {
  if (tone === "before") {
    const box = { x: x - r + 0.4, y: y - r + 0.4, width: 2 * r - 0.8, height: 2 * r - 0.8 };
    return add(parent, "rect", { ...box, fill: "var(--paper)", stroke: "var(--before)", "stroke-width": 1.8 });
  }
  return add(parent, "circle", { cx: x, cy: y, r, fill: `var(--${tone})` });
}

// -------------------------------------------------------------------------------------------------- reliability diagram

/** Where a reliability axis may begin so that nothing of these bins is cut off: a tenth in [0, 0.9]. */
export function reliabilityFrom(...sides) {
  const lowest = sides.flatMap((bins) => bins.flatMap((b) => [b.low, b.accuracy.low ?? 1, b.band_low ?? 1]));
  return Math.max(0, Math.min(0.9, Math.floor(Math.min(0.9, ...lowest) * 10 + 1e-9) / 10));
}

/** Accuracy per bin of confidence, its interval, the band of a calibrated model, the diagonal, the rows below. */
export function reliability(bins, { tone = "after", width = 400, from = 0, name = "", unit = "rows" } = {}) {
  const counts = 58;
  const plot = Math.min(width, 440) - 48;
  const gap = 26; // between the diagram and the bars of counts
  const height = 26 + plot + gap + counts + 38;
  const label = `Reliability diagram, ${name}: accuracy against confidence in ${bins.length} bins`;
  const most = Math.max(1, ...bins.map((b) => b.n));
  const domain = [from, 1];
  const f = frame({ width, height, x: domain, y: domain, bottom: gap + counts + 38, xTicks: [], label, xTitle: "", yTitle: "accuracy" });
  const floor = height - 38;
  for (const b of bins) {
    if (b.band_low == null) continue;
    const [x0, x1] = [f.sx(Math.max(from, b.low)), f.sx(b.high)];
    const area = { x: x0, width: Math.max(1.5, x1 - x0), y: f.sy(b.band_high), height: f.sy(b.band_low) - f.sy(b.band_high) };
    add(f.svg, "rect", { ...area, height: Math.max(1.5, area.height), fill: "var(--band)" });
  }
  line(f.svg, f.sx(from), f.sy(from), f.sx(1), f.sy(1), "var(--soft)", { "stroke-dasharray": "4 4" });
  const bar = scale([0, most], [0, counts - 14]);
  text(f.svg, 0, f.bottom + gap + 8, unit);
  line(f.svg, f.left, floor, f.right, floor, "var(--soft)");
  for (const b of bins) {
    const [x0, x1] = [f.sx(Math.max(from, b.low)), f.sx(b.high)];
    const a = b.accuracy;
    const say =
      `Confidence ${format.share(b.low, 2)} to ${format.share(b.high, 2)} (mean ${format.share(b.confidence)}): ` +
      `accuracy ${format.estimate(a)}, ${amount(b.n, unit)}; ` +
      `a calibrated model: ${format.share(b.band_low)} to ${format.share(b.band_high)}`;
    const area = { x: x0, y: f.top, width: Math.max(4, x1 - x0), height: floor - f.top };
    const group = speaking(f.svg, say, area);
    const tall = Math.max(1, bar(b.n));
    add(group, "rect", { x: x0 + 0.5, width: Math.max(1.5, x1 - x0 - 1), y: floor - tall, height: tall, fill: `var(--${tone})`, "fill-opacity": 0.75 });
    if (format.count(b.n).length * GLYPH < x1 - x0 + 2)
      text(group, (x0 + x1) / 2, floor - tall - 4, format.count(b.n), { anchor: "middle", "font-size": 10.5 });
    if (a.value == null) continue;
    const x = f.sx(b.confidence);
    if (a.low != null) line(group, x, f.sy(a.low), x, f.sy(a.high), `var(--${tone})`, { "stroke-width": 1.4 });
    point(group, x, f.sy(a.value), tone);
  }
  const under = ticks(from, 1, width < 300 ? 3 : 5);
  for (const v of under) text(f.svg, f.sx(v), floor + 16, tickText(v, under), { anchor: "middle" });
  text(f.svg, f.right, height - 4, "confidence", { anchor: "end" });
  return f.svg;
}

// ------------------------------------------------------------------------------------------------------ confusion map

/** `names[i]` belongs to row and column i of `matrix`; view: "count", "row" (of the true class) or "column". */
export function confusion(matrix, names, { view = "count", width = 700, unit = "rows" } = {}) {
  const n = names.length;
  const rowSum = matrix.map((row) => row.reduce((a, b) => a + b, 0));
  const columnSum = names.map((_, j) => matrix.reduce((a, row) => a + row[j], 0));
  const shown = matrix.map((row, i) =>
    row.map((v, j) => (view === "count" ? v : view === "row" ? (rowSum[i] ? v / rowSum[i] : 0) : columnSum[j] ? v / columnSum[j] : 0)),
  );
  const write = (v) => (v === 0 ? "" : view === "count" ? format.count(v) : v < 0.005 ? "<1" : (100 * v).toFixed(0));
  const widest = Math.max(...shown.flat().map((v) => write(v).length));
  const longest = Math.max(...names.map((name) => [...name].length));
  const margin = Math.min(longest * GLYPH + 12, width < 500 ? 84 : 150);
  const least = n > 16 ? 13 : widest * 6.6 + 6; // below this, the map scrolls in its box
  const cell = Math.max(least, Math.min(58, Math.floor((width - margin - 22) / n)));
  const upright = longest * GLYPH < cell - 2;
  const head = 22 + (upright ? 18 : Math.min(longest * GLYPH, 110) + 8);
  const label = `Confusion of ${format.plural(n, "class", "classes")}, ${view === "count" ? unit : `share of each ${view}`}; true classes down, predicted across`;
  const svg = canvas(Math.max(margin + n * cell + 2, 190), head + n * cell + 4, label);
  svg.dataset.columns = n;
  text(svg, 0, 12, "true ↓   predicted →");
  const off = Math.max(...shown.flatMap((row, i) => row.filter((_, j) => i !== j)), 0);
  const on = Math.max(...shown.map((row, i) => row[i]), 0);
  const letter = cell >= 12 && cell < 15 ? 10 : SMALL;
  names.forEach((name, j) => {
    const [x, y] = [margin + (j + 0.5) * cell, head - 6];
    if (upright) text(svg, x, y, name, { anchor: "middle", fill: "var(--ink)" });
    else
      text(svg, x + 4, y, fit(name, 106), { fill: "var(--ink)", transform: `rotate(-90 ${x + 4} ${y})`, "font-size": letter });
  });
  matrix.forEach((row, i) => {
    const y = head + i * cell;
    text(svg, margin - 6, y + cell / 2 + 4, fit(names[i], margin - 8), { anchor: "end", fill: "var(--ink)", "font-size": letter });
    row.forEach((count, j) => {
      const v = shown[i][j];
      const x = margin + j * cell;
      const depth = v === 0 ? 0 : i === j ? 0.1 + 0.36 * Math.sqrt(v / on) : 0.12 + 0.88 * Math.sqrt(v / off);
      const say =
        `True ${names[i]}, predicted ${names[j]}: ${amount(count, unit)}, ` +
        `${format.percent(rowSum[i] ? count / rowSum[i] : null)} of the row, ` +
        `${format.percent(columnSum[j] ? count / columnSum[j] : null)} of the column`;
      const group = add(svg, "g", { "data-say": say, class: "mark" });
      const box = { x: x + 0.5, y: y + 0.5, width: cell - 1, height: cell - 1 };
      add(group, "rect", { ...box, fill: "none", stroke: "var(--rule)", "stroke-width": 0.6 });
      add(group, "rect", { ...box, fill: i === j ? "var(--accent)" : "var(--wrong)", "fill-opacity": depth.toFixed(3), class: "hit" });
      if (v && cell >= widest * 6.6 + 4)
        text(group, x + cell / 2, y + cell / 2 + 4, write(v), { anchor: "middle", fill: depth > 0.85 ? "var(--paper)" : depth > 0.5 ? "var(--on-middle)" : "var(--ink)" });
    });
  });
  return svg;
}

// ----------------------------------------------------------------------------------------------------- threshold curve

/** Recall, precision and flagged share of a class against its threshold; the chosen one and the goal are marked. */
export function thresholdCurve(entry, { width = 640, target = "recall", goal = null, unit = "rows" } = {}) {
  const label = `Recall, precision and flagged share of class ${entry.name} against the threshold`;
  const kinds = [
    ["recall", "recall", "var(--after)", null],
    ["precision", "precision", "var(--before)", "7 3"],
    ["flagged_share", "flagged share", "var(--soft)", "2 3"],
  ];
  if (goal != null) kinds.push([null, `goal: ${target} ${goal}`, "var(--ink)", "1 3"]);
  let [across, down] = [0, 14];
  const legend = kinds.map(([, words]) => {
    const size = 27 + words.length * GLYPH + 16;
    if (across > 0 && across + size > width - 4) [across, down] = [0, down + 18];
    across += size;
    return [across - size, down];
  });
  const f = frame({
    width, height: Math.min(340, Math.max(260, width * 0.55)), x: [0, 1], y: [0, 1], right: 14, top: down + 22, label,
    xTitle: "threshold on the calibrated probability", yTitle: "",
  }); // prettier-ignore
  kinds.forEach(([key, words, stroke, dash], i) => {
    const [x, y] = legend[i];
    const look = { "stroke-width": key ? 2 : 1, "stroke-dasharray": dash };
    line(f.svg, x, y - 4, x + 22, y - 4, stroke, look);
    text(f.svg, x + 27, y, words, { fill: "var(--ink)" });
    if (!key) line(f.svg, f.left, f.sy(goal), f.right, f.sy(goal), stroke, look);
    const points = entry.curve.filter((p) => key && p[key] != null).map((p) => [f.sx(p.threshold), f.sy(p[key])]);
    if (points.length) add(f.svg, "path", { d: path(points), fill: "none", stroke, ...look, "stroke-linejoin": "round" });
  });
  if (entry.threshold != null) {
    const x = f.sx(entry.threshold);
    const right = entry.threshold > 0.6;
    line(f.svg, x, f.top, x, f.bottom, "var(--ink)", { "stroke-width": 1.4 });
    const words = `threshold ${format.share(entry.threshold)}`;
    text(f.svg, x + (right ? -6 : 6), f.bottom - 8, words, { anchor: right ? "end" : "start", fill: "var(--ink)", class: "halo" });
  }
  entry.curve.forEach((p, i) => {
    const before = i ? (entry.curve[i - 1].threshold + p.threshold) / 2 : 0;
    const after = i + 1 < entry.curve.length ? (entry.curve[i + 1].threshold + p.threshold) / 2 : 1;
    const say =
      `Threshold ${format.share(p.threshold)}: recall ${format.share(p.recall)}, precision ${format.share(p.precision)}, ` +
      `flagged ${format.share(p.flagged_share)} of all ${unit}`;
    const area = { x: f.sx(before), y: f.top, width: Math.max(1, f.sx(after) - f.sx(before)), height: f.bottom - f.top };
    speaking(f.svg, say, area);
  });
  return f.svg;
}

// -------------------------------------------------------------------------------------------------- one line per name

/** Names on the left, a scale in the middle, words on the right; on a narrow page name and words stand above the line. */
function rowsFrame(rows, { width, domain, label, words, title, reference, head }) {
  const narrow = width < 560;
  const longest = Math.max(0, ...rows.map((r) => [...r.name].length));
  const left = narrow ? 14 : Math.min(longest * GLYPH + 14, width * 0.28);
  const right = narrow ? 16 : Math.max(20, ...rows.map((r) => words(r).length)) * GLYPH + 14;
  const each = narrow ? 38 : 24;
  const top = 30;
  const bottom = top + rows.length * each;
  const svg = canvas(width, bottom + 40, label);
  const x = scale(domain, [left, width - right]);
  const marks = ticks(domain[0], domain[1], narrow ? 4 : 5);
  const at = (i) => top + i * each + (narrow ? 27 : each / 2); // the line of row i
  /** An upright line: through the whole chart, or, where words stand above each row's line, beside that line alone. */
  const upright = (v, ...look) => {
    if (!narrow) return line(svg, x(v), top, x(v), bottom, ...look);
    rows.forEach((_, i) => line(svg, x(v), at(i) - 6, x(v), at(i) + 8, ...look));
  };
  for (const v of marks) {
    upright(v);
    tick(svg, x(v), bottom + 16, tickText(v, marks), width);
  }
  text(svg, x(domain[1]), bottom + 33, title, { anchor: "end" });
  if (reference?.value != null) {
    upright(reference.value, "var(--ink)", { "stroke-dasharray": "3 3" });
    const near = x(reference.value) > width * 0.5;
    text(svg, x(reference.value) + (near ? 3 : -3), top - 9, reference.words ?? `${reference.name} ${format.share(reference.value)}`, { anchor: near ? "end" : "start" });
  }
  if (head && !narrow) text(svg, width - right + 12, top - 9, head);
  return {
    svg, x,
    row(r, i, say) {
      const y = at(i);
      const group = speaking(svg, say, { x: 0, y: top + i * each, width, height: each });
      text(group, narrow ? 0 : left - 10, narrow ? y - 11 : y + 4, fit(r.name, narrow ? width - words(r).length * GLYPH - 20 : left - 10), {
        anchor: narrow ? "start" : "end", fill: "var(--ink)", class: "halo",
      }); // prettier-ignore
      text(group, narrow ? width - 2 : width - right + 12, narrow ? y - 11 : y + 4, words(r), { anchor: narrow ? "end" : "start", class: "halo" });
      return { group, y };
    },
  }; // prettier-ignore
}

/** A lower end for shares: the tenth below the lowest interval. */
const below = (lows) => Math.max(0, Math.min(0.9, Math.floor(Math.min(0.9, ...lows) * 10 + 1e-9) / 10));

/** rows: {name, estimate, tone?}. Value, 95 % interval and n on one line each, in the order given. */
export function dots(rows, { width = 700, title = "share", reference = null, domain = null, one = format.share, n = "n" } = {}) {
  const known = rows.filter((r) => r.estimate.value != null).map((r) => r.estimate);
  const lows = known.map((e) => e.low ?? e.value);
  const reason = (e) => e.reason ?? "no value";
  const words = ({ estimate: e }) =>
    e.value == null ? fit(reason(e), 200) : `${format.estimate(e, one)}\u2002${n} ${format.count(e.n)}`;
  const f = rowsFrame(rows, {
    width, domain: domain ?? [below([...lows, reference?.value ?? 1]), 1], title, reference, words,
    head: `value [95${NBSP}% interval]\u2002${n}`, label: `${title} with 95${NBSP}% intervals, ${format.plural(rows.length, "line")}`,
  }); // prettier-ignore
  rows.forEach((r, i) => {
    const e = r.estimate;
    const says = e.value == null ? reason(e) : `${title} ${format.estimate(e, one)}, ${n} = ${format.count(e.n)}`;
    const { group, y } = f.row(r, i, `${r.name}: ${says}`);
    if (e.value == null) return;
    if (e.low != null) line(group, f.x(e.low), y, f.x(e.high), y, `var(--${r.tone ?? "accent"})`, { "stroke-width": 1.6 });
    point(group, f.x(e.value), y, r.tone ?? "accent");
  });
  return f.svg;
}

/** rows: {name, share, probability}. The class's share of the rows as a bar, its mean predicted probability as a disc. */
export function shareBars(rows, { width = 700, unit = "rows" } = {}) {
  const most = Math.max(0.01, ...rows.flatMap((r) => [r.share ?? 0, r.probability ?? 0]));
  const words = (r) => `${format.share(r.share)} | ${format.share(r.probability)}`;
  const f = rowsFrame(rows, {
    width, domain: [0, most * 1.02], words, title: `share of the scored ${unit}`, head: "share | mean p",
    label: `Share of each class (bar) and its mean predicted probability (disc), ${format.plural(rows.length, "class", "classes")}`,
  }); // prettier-ignore
  rows.forEach((r, i) => {
    const say = `${r.name}: ${format.share(r.share)} of the ${unit}, mean predicted probability ${format.share(r.probability)}`;
    const { group, y } = f.row(r, i, say);
    add(group, "rect", { x: f.x(0), y: y - 4.5, width: Math.max(0.5, f.x(r.share ?? 0) - f.x(0)), height: 9, fill: "var(--soft)", "fill-opacity": 0.45 });
    if (r.probability != null) point(group, f.x(r.probability), y, "accent");
  });
  return f.svg;
}

/** rows: {name, n, proven}. Counts as bars against what a proof takes, up to three times that; hollow: not proven. */
export function countBars(rows, { width = 640, needed, unit = "rows" } = {}) {
  const most = Math.min(3 * needed, Math.max(1.15 * needed, ...rows.map((r) => r.n)));
  const words = (r) => `${format.count(r.n)}${r.proven ? "" : `, ${format.count(needed)} needed`}`;
  const f = rowsFrame(rows, {
    width, domain: [0, most], words, title: unit, reference: { value: needed, words: `needed: ${format.count(needed)}` },
    label: `${unit} and the ${format.count(needed)} that a proof takes, ${format.plural(rows.length, "class", "classes")}`,
  }); // prettier-ignore
  rows.forEach((r, i) => {
    const { group, y } = f.row(r, i, `${r.name}: ${format.count(r.n)} ${unit}, ${format.count(needed)} needed, ${r.proven ? "proven" : "no proof"}`);
    const look = r.proven ? { fill: "var(--after)", "fill-opacity": 0.75 } : { fill: "var(--paper)", stroke: "var(--before)", "stroke-width": 1.6 };
    add(group, "rect", { x: f.x(0), y: y - 4.5, width: Math.max(0.5, f.x(Math.min(r.n, most)) - f.x(0)), height: 9, ...look });
  });
  return f.svg;
}

// ------------------------------------------------------------------------------------------------------ two histograms

/** Shares of the known rows (filled) and the unknown rows (outlined) by a score; the threshold as an upright line. */
export function twoHistograms({ score, edges, known, unknown }, { width = 640, threshold = null } = {}) {
  const ends = threshold == null ? edges : [...edges, threshold];
  const f = frame({
    width, height: Math.min(340, Math.max(260, width * 0.5)), x: [Math.min(...ends), Math.max(...ends)], y: [0, 1.05 * Math.max(0.01, ...known, ...unknown)],
    left: 46, right: 14, top: 62, label: `Shares of the known rows (filled) and the unknown rows (outlined) by ${score}`, xTitle: score, yTitle: "",
  }); // prettier-ignore
  const kinds = [
    ["known rows", known, { fill: "var(--after)", "fill-opacity": 0.4, stroke: "var(--after)" }],
    ["unknown rows", unknown, { fill: "none", stroke: "var(--before)", "stroke-width": 2 }],
  ];
  kinds.forEach(([words, shares, look], i) => {
    add(f.svg, "rect", { x: 1 + i * 112, y: 4, width: 20, height: 10, ...look });
    text(f.svg, 27 + i * 112, 14, words, { fill: "var(--ink)" });
    const steps = shares.flatMap((share, j) => [edges[j], edges[j + 1]].map((edge) => [f.sx(edge), f.sy(share)]));
    add(f.svg, "path", { d: path([[f.sx(edges[0]), f.bottom], ...steps, [f.sx(edges.at(-1)), f.bottom]]), ...look });
  });
  text(f.svg, 0, 34, "share of the rows");
  known.forEach((share, i) => {
    const [from, to] = [f.sx(edges[i]), f.sx(edges[i + 1])];
    const say = `${score} ${format.number(edges[i])} to ${format.number(edges[i + 1])}: ${format.percent(share)} of the known rows, ${format.percent(unknown[i])} of the unknown rows`;
    speaking(f.svg, say, { x: from, y: f.top, width: Math.max(1, to - from), height: f.bottom - f.top });
  });
  if (threshold != null) {
    const x = f.sx(threshold);
    const side = x > width / 2 ? -6 : 6;
    line(f.svg, x, f.top - 14, x, f.bottom, "var(--ink)", { "stroke-width": 1.4, "pointer-events": "none" });
    text(f.svg, x + side, f.top - 6, `accepted from ${format.number(threshold)} →`, { anchor: side < 0 ? "end" : "start", fill: "var(--ink)", class: "halo" });
  }
  return f.svg;
}

// ------------------------------------------------------------------------------------------------- curves of two shares

/** points: {rows_share, loss_share, nll_at_least}, costliest rows first. */
export function lorenz(points, { width = 440, unit = "rows" } = {}) {
  const label = "Share of the total loss owned by the costliest rows";
  const f = frame({
    width, height: Math.min(360, width * 0.85), x: [0, 1], y: [0, 1], label,
    xTitle: `share of the ${unit}, costliest first`, yTitle: "share of the loss",
  }); // prettier-ignore
  const all = [{ rows_share: 0, loss_share: 0 }, ...points, { rows_share: 1, loss_share: 1 }];
  line(f.svg, f.sx(0), f.sy(0), f.sx(1), f.sy(1), "var(--soft)", { "stroke-dasharray": "4 4" });
  text(f.svg, f.sx(0.99), f.sy(0.72), "if every row", { anchor: "end" });
  text(f.svg, f.sx(0.99), f.sy(0.72) + 14, "cost the same", { anchor: "end" });
  add(f.svg, "path", { d: path(all.map((p) => [f.sx(p.rows_share), f.sy(p.loss_share)])), fill: "none", stroke: "var(--accent)", "stroke-width": 2 });
  for (const p of points) {
    const say =
      `The costliest ${format.percent(p.rows_share)} of the ${unit} (at least ${format.number(p.nll_at_least)} nats each) ` +
      `own ${format.percent(p.loss_share)} of the loss`;
    const [x, y] = [f.sx(p.rows_share), f.sy(p.loss_share)];
    point(speaking(f.svg, say, { x: x - 8, y: y - 8, width: 16, height: 16 }), x, y, "accent", points.length > 20 ? 1.8 : 3.2);
  }
  return f.svg;
}

/** rows: {name, n, share, estimate}. Recall against the class's rows (unit "weight": its share), logarithmically. */
export function rarity(rows, { width = 640, reference = null, unit = "rows" } = {}) {
  const [size, write] = unit === "rows" ? [(r) => r.n, format.count] : [(r) => r.share, (v) => String(v)];
  const says = (r) => (unit === "rows" ? amount(r.n, unit) : `${format.share(r.share)} of the ${unit}`);
  const what = unit === "rows" ? "scored rows of the class" : `share of the scored ${unit}`;
  const seen = rows.filter((r) => size(r) > 0 && r.estimate.value != null);
  const decades = Array.from({ length: 18 }, (_, i) => [1, 2, 5].map((m) => Number(`${m}e${i - 6}`))).flat();
  const counts = seen.map(size);
  const first = decades.findLast((v) => v <= Math.min(...counts)) ?? decades[0];
  const last = decades.find((v) => v > first && v >= Math.max(...counts)) ?? 10;
  const lows = seen.map((r) => r.estimate.low ?? r.estimate.value);
  const f = frame({
    width, height: Math.min(330, Math.max(240, width * 0.5)), y: [below(lows), 1], xTicks: [],
    x: [Math.log10(first) - 0.04, Math.log10(last) + 0.04], label: `Recall against the ${what}, ${format.plural(seen.length, "class", "classes")}`,
    xTitle: `${what} (logarithmic)`, yTitle: "recall",
  }); // prettier-ignore
  const marks = decades.filter((d) => d >= first && d <= last);
  const crowded = marks.reduce((sum, v) => sum + write(v).length + 2, 0) * GLYPH > width - 48;
  for (const v of crowded ? marks.filter((d) => Number.isInteger(Number(Math.log10(d).toFixed(9)))) : marks) {
    const x = f.sx(Math.log10(v));
    line(f.svg, x, f.bottom, x, f.bottom + 4, "var(--soft)");
    tick(f.svg, x, f.bottom + 16, write(v), width);
  }
  if (reference != null) {
    line(f.svg, f.left, f.sy(reference), f.right, f.sy(reference), "var(--ink)", { "stroke-dasharray": "3 3" });
    text(f.svg, f.right, 12, `dashed: macro recall ${format.share(reference)}`, { anchor: "end" });
  }
  for (const r of seen) {
    const [x, e] = [f.sx(Math.log10(size(r))), r.estimate];
    const say = `${r.name}: recall ${format.estimate(e)}, ${says(r)}`;
    const group = speaking(f.svg, say, { x: x - 5, y: f.sy(e.high ?? e.value) - 3, width: 10, height: f.sy(e.low ?? e.value) - f.sy(e.high ?? e.value) + 6 });
    if (e.low != null) line(group, x, f.sy(e.low), x, f.sy(e.high), "var(--accent)", { "stroke-opacity": 0.45 });
    point(group, x, f.sy(e.value), "accent", 3.2);
  }
  return f.svg;
}

/** parts: {name, share}, adding up to 1: one bar, darkest first, each part labelled below. */
export function partition(parts, { width = 640, label = "Shares", unit = "rows" } = {}) {
  const svg = canvas(width, 34 + parts.length * 20, label);
  const x = scale([0, 1], [0, width]);
  let at = 0;
  parts.forEach((p, i) => {
    const share = p.share ?? 0;
    const opacity = 1 - (0.82 * i) / Math.max(1, parts.length - 1);
    const look = { height: 20, fill: "var(--accent)", "fill-opacity": opacity.toFixed(2), stroke: "var(--accent)", "stroke-width": 0.8 };
    const group = speaking(svg, `${p.name}: ${format.percent(share)} of the scored ${unit}`, { x: x(at), y: 0, width: x(share), height: 22 });
    if (share > 0) add(group, "rect", { x: x(at) + 0.5, y: 1, width: Math.max(0.5, x(share) - 1), ...look });
    add(group, "rect", { x: 0.5, y: 33 + i * 20, width: 10, ...look, height: 10 });
    text(group, 18, 42 + i * 20, `${p.name}: ${format.percent(share)}`, { fill: "var(--ink)" });
    at += share;
  });
  return svg;
}

// ------------------------------------------------------------------------------------------------------------ read-out

/** Shows a mark's sentence in `output` on hover, and on the arrow keys once the chart has the focus. */
export function readout(svg, output, rest = "") {
  const marks = [...svg.querySelectorAll("[data-say]")];
  const columns = Number(svg.dataset.columns ?? 1);
  let current = -1;
  const show = (i) => {
    marks[current]?.removeAttribute("data-on");
    current = i;
    marks[current]?.setAttribute("data-on", "");
    output.textContent = marks[current]?.dataset.say ?? rest;
  };
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns };
  svg.setAttribute("tabindex", "0");
  svg.addEventListener("pointerover", (event) => {
    const mark = event.target.closest("[data-say]");
    if (mark) show(marks.indexOf(mark));
  });
  svg.addEventListener("pointerleave", () => show(-1));
  svg.addEventListener("blur", () => show(-1));
  svg.addEventListener("keydown", (event) => {
    if (!(event.key in steps)) return;
    event.preventDefault();
    show(current < 0 ? 0 : Math.min(marks.length - 1, Math.max(0, current + steps[event.key])));
  });
  output.textContent = rest;
}
