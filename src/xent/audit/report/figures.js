import { confusion, dots, format, lorenz, partition, rarity, reliability, reliabilityFrom, shareBars, thresholdCurve } from "../../explorer/charts.js";
import { choice, el, estimate, facts, figure, h3, note, number, p, plural, section, table } from "./parts.js";
import { className } from "./words.js";

// The sections built around charts: reliability, wrong rows, confusion, thresholds, imbalance, slices.

const MOST_LINES = 30; // a chart of lines shows at most this many; its table has them all

const value = (e) => e?.value ?? null;
const share = (x) => format.share(x);
const byValue = (a, b) => (value(a) == null) - (value(b) == null) || value(a) - value(b);

// ------------------------------------------------------------------------------------------------------- 5 reliability

export function reliabilitySection({ calibration: c, source }) {
  const from = reliabilityFrom(c.before.bins, c.after.bins);
  const columns = [
    { head: "Confidence", cell: (b) => `${share(b.low)} to ${share(b.high)}`, key: (b) => b.low },
    { head: "Rows", cell: (b) => format.count(b.n), key: (b) => b.n },
    { head: "Mean confidence", cell: (b) => number(b.confidence, b.reason, share), key: (b) => b.confidence },
    { head: "Accuracy", cell: (b) => estimate(b.accuracy), key: (b) => value(b.accuracy) },
    { head: "Calibrated model, 95 %", cell: (b) => `${share(b.band_low)} to ${share(b.band_high)}` },
  ];
  const side = (name, tone, bins) =>
    bins.length
      ? figure(`Reliability ${name}`, null, (width) => reliability(bins, { tone, width, from, name }), table(`Bins ${name}`, columns, bins, { limit: 30 }), { most: 460 })
      : p(`No reliability diagram ${name}: there is no row to put into a bin.`);
  const summary = [
    ["Mean confidence", (s) => number(s.mean_confidence, s.reason, share)],
    ["ECE", (s) => estimate(s.ece)],
    ["ECE, debiased", (s) => number(s.ece.debiased, s.ece.reason, share)],
    ["ECE that chance alone reaches (95 %)", (s) => number(s.ece.null_95, s.ece.reason, share)],
    ["p of this ECE or more, if calibrated", (s) => number(s.ece.p_value, s.ece.reason, share)],
    ["Largest bin error (MCE)", (s) => number(s.mce, s.reason, share)],
    ["Bins", (s) => format.count(s.ece.n_bins ?? s.bins.length)],
  ];
  const lines = [
    { head: "Measure", words: true, cell: ([name]) => name },
    { head: "Before", cell: ([, pick]) => pick(c.before) },
    { head: "After", cell: ([, pick]) => pick(c.after) },
  ];
  const key = el(
    "ul", { class: "key" },
    el("li", {}, el("span", { class: "swatch disc" }), "accuracy of a bin with its 95 % interval"),
    el("li", {}, el("span", { class: "swatch band" }), "where a calibrated model would fall, 95 %"),
    el("li", {}, el("span", { class: "swatch dash" }), "confidence = accuracy"),
  ); // prettier-ignore
  return section(
    "reliability", "Reliability",
    p("A probability is honest when, of all rows given 0.8, eight in ten are right. Points below the diagonal are overconfident, above it underconfident; a point inside the grey band is no further off than chance would put it."),
    key, el("div", { class: "pair" }, side("before", "before", c.before.bins), side("after", "after", c.after.bins)),
    from > 0 ? note(`The axes begin at ${from}; nothing lies below.`) : null,
    table("Calibration error", lines, summary),
    h3("Temperature"), ...temperatureWords(c, source.kind === "probs" ? "log-probability" : "logit"),
  ); // prettier-ignore
}

function temperatureWords(c, score) {
  const T = c.temperature;
  if (T == null) return [p(`No temperature was fitted: ${c.reason ?? "no reason is given"}. The numbers “after” are those of the model as it came.`)];
  const effect = T > 1 ? "so every probability moves towards equal shares" : T < 1 ? "so every probability moves towards 0 or 1" : "so nothing changes";
  const error = c.standard_error == null ? "" : ` (standard error ${format.number(c.standard_error)})`;
  const words = p(
    `Every ${score} is divided by T = ${format.number(T)}${error}, ${effect}. One number, chosen on ${plural(c.fit_rows, "row")} by the smallest NLL; ` +
      "it leaves the order of the classes in a row as it was, and so accuracy too.",
  );
  const fits = (c.fits ?? []).map((f) => (typeof f === "number" ? { temperature: f } : f));
  if (!fits.length) return [words];
  const columns = [
    { head: "Half", words: true, cell: (f) => (fits.indexOf(f) + 1).toString() },
    { head: "T", cell: (f) => number(f.temperature, f.reason) },
    { head: "Standard error", cell: (f) => number(f.standard_error, f.reason) },
    { head: "Fit rows", cell: (f) => format.count(f.fit_rows) },
  ];
  return [words, p("Cross-fit: each half was scored with the temperature that the other half chose. T above is the policy's, fitted on all rows."), table("The temperature of each half", columns, fits)];
}

// -------------------------------------------------------------------------------------------------------- 6 wrong rows

export function worstSection(result) {
  const { rows, loss_share: points } = result.worst_rows;
  const title = "Most confidently wrong rows";
  const one = points.find((q) => q.rows_share >= 0.0099) ?? points.at(-1);
  const lead = one
    ? p(`The costliest ${format.percent(one.rows_share)} of the rows own ${format.percent(one.loss_share)} of the total loss; each of them costs at least ${format.number(one.nll_at_least)} nats. Rows like these are where wrong labels, broken inputs and real blind spots hide: look at them one by one.`)
    : p("The share of the loss by row is not given: there is no loss to share.");
  const name = (k) => (k == null ? "—" : className(result, k));
  const columns = [
    { head: "Row", cell: (r) => String(r.row), key: (r) => r.row },
    { head: "Label", words: true, cell: (r) => name(r.label), key: (r) => name(r.label) },
    { head: "Predicted", words: true, cell: (r) => name(r.predicted), key: (r) => name(r.predicted) },
    { head: "Confidence", cell: (r) => share(r.confidence), key: (r) => r.confidence },
    { head: "NLL, nats", cell: (r) => number(r.nll, r.reason), key: (r) => r.nll ?? Infinity },
  ];
  const shares = [
    { head: "Costliest rows", cell: (q) => format.percent(q.rows_share), key: (q) => q.rows_share },
    { head: "Share of the loss", cell: (q) => share(q.loss_share), key: (q) => q.loss_share },
    { head: "NLL at least, nats", cell: (q) => format.number(q.nll_at_least), key: (q) => q.nll_at_least },
  ];
  const list = rows.length ? table("Wrong rows, costliest first", columns, rows, { limit: 20, about: "Wrong rows only, after calibration. Row numbers count from 0 in the file." }) : p("No scored row is wrong.");
  const chart = points.length ? figure("Who owns the loss", "The further the curve bends to the upper left, the fewer rows carry the loss.", (width) => lorenz(points, { width }), table("Share of the loss", shares, points), { most: 480 }) : null;
  return section("worst-rows", title, lead, list, chart);
}

// --------------------------------------------------------------------------------------------------------- 7 confusion

export function confusionSection(result) {
  const { confusion: c, per_class: each, scores } = result;
  const names = c.classes.map((k) => className(result, k));
  let view = "count";
  const words = { count: "rows", row: "% of the true class", column: "% of the predicted class" };
  const pick = choice("Show", Object.entries(words), (value) => {
    view = value;
    map.redraw();
  });
  const cells = c.matrix.flatMap((row, i) => row.map((count, j) => ({ i, j, count }))).filter((q) => q.count > 0);
  cells.sort((a, b) => (a.i === a.j) - (b.i === b.j) || b.count - a.count);
  const cellTable = table("Cells with rows, confusions first", [
    { head: "True", words: true, cell: (q) => names[q.i], key: (q) => names[q.i] },
    { head: "Predicted", words: true, cell: (q) => names[q.j], key: (q) => names[q.j] },
    { head: "Rows", cell: (q) => format.count(q.count), key: (q) => q.count },
  ], cells, { limit: 40, brief: true }); // prettier-ignore
  const about = "Right ones lie on the diagonal, in blue; every orange cell is a confusion, the deeper the more rows (on a square-root scale)." +
    (c.complete ? "" : ` Of ${result.classes.length} classes, the ${names.length} with most errors are shown; percentages are of the rows shown.`);
  const map = names.length
    ? figure("Confusion of true and predicted classes", about, (width) => confusion(c.matrix, names, { view, width }), cellTable, { controls: pick })
    : p(`There is no confusion map: ${c.reason ?? "no row was scored, or there are too many classes to keep one"}.`);
  const pairs = [
    { head: "True", words: true, cell: (q) => className(result, q.true), key: (q) => className(result, q.true) },
    { head: "Predicted", words: true, cell: (q) => className(result, q.predicted), key: (q) => className(result, q.predicted) },
    { head: "Rows", cell: (q) => format.count(q.count), key: (q) => q.count },
    { head: "Share of the true class", cell: (q) => share(q.share), key: (q) => q.share },
  ];
  const list = c.pairs.length ? table("Most confused pairs", pairs, c.pairs, { limit: 10 }) : p("No pair of classes is confused: no scored row is wrong.");
  const macro = { name: "macro", value: value(scores.after.macro_recall) };
  return section("confusion", "Confusion", map, list, h3("Recall and precision of each class"),
    p("Recall: of the rows of a class, the share that was recognised. Precision: of the rows predicted as a class, the share that is of it. Lowest first."),
    classFigure("Recall", each, "recall", { reference: macro }), classFigure("Precision", each, "precision", {}), classTable(each)); // prettier-ignore
}

function classFigure(title, each, key, { reference = null }) {
  const sorted = [...each].sort((a, b) => byValue(a[key], b[key]));
  const lines = sorted.slice(0, MOST_LINES).map((k) => ({ name: k.name, estimate: k[key] }));
  const about = sorted.length > lines.length ? `The ${lines.length} lowest of ${sorted.length} classes; the table has all.` : null;
  const numbers = table(`${title} of each class`, [
    { head: "Class", words: true, cell: (k) => k.name, key: (k) => k.name },
    { head: title, cell: (k) => estimate(k[key]), key: (k) => value(k[key]) },
    { head: "n", cell: (k) => format.count(k[key].n), key: (k) => k[key].n },
  ], sorted); // prettier-ignore
  return figure(`${title} of each class`, about, (width) => dots(lines, { width, title: title.toLowerCase(), reference }), numbers);
}

function classTable(each) {
  const columns = [
    { head: "Class", words: true, cell: (k) => k.name, key: (k) => k.name },
    { head: "Rows", cell: (k) => format.count(k.n), key: (k) => k.n },
    { head: "Predicted", cell: (k) => format.count(k.predicted), key: (k) => k.predicted },
    { head: "Recall", cell: (k) => estimate(k.recall), key: (k) => value(k.recall) },
    { head: "Precision", cell: (k) => estimate(k.precision), key: (k) => value(k.precision) },
    { head: "NLL, nats", cell: (k) => number(k.nll, k.reason ?? k.recall.reason), key: (k) => k.nll },
  ];
  return table("Every class, lowest recall first", columns, [...each].sort((a, b) => byValue(a.recall, b.recall)));
}

// -------------------------------------------------------------------------------------------------------- 8 thresholds

export function thresholdSection({ thresholds: t }) {
  if (!t?.per_class?.length) return section("thresholds", "Thresholds and decisions", p(`No threshold was chosen: ${t?.reason ?? "none was asked for"}.`));
  const d = t.decision;
  const parts = [["exactly one class", d.one], ["several classes", d.several], ["no class", d.none]].map(([name, share]) => ({ name, share })); // prettier-ignore
  const outcome = figure(
    "What the policy decides", "A row is decided when exactly one class reaches its threshold; the others go to a person or to a rule of your own.",
    (width) => partition(parts, { width, label: "Outcome of the policy on the scored rows" }),
    table("Outcome of the policy", [
      { head: "Classes at or above their threshold", words: true, cell: (q) => q.name },
      { head: "Share of the scored rows", cell: (q) => number(q.share, d.reason, share) },
    ], parts), { most: 640 },
  ); // prettier-ignore
  const accuracy = facts([
    ["Accuracy where one class is left", estimate(d.accuracy_when_one)],
    ["Accuracy of the most probable class, all rows", estimate(d.argmax_accuracy)],
  ]);
  return section("thresholds", "Thresholds and decisions",
    p(`For each class, the threshold on its calibrated probability that aims at a ${t.target} of ${t.goal}. It was chosen on the fit rows; recall and precision below come from rows that did not choose it.`),
    outcome, accuracy, curveFigure(t), thresholdTable(t)); // prettier-ignore
}

function curveFigure(t) {
  const worst = t.per_class.filter((k) => k.curve.length).sort((a, b) => byValue(a[t.target], b[t.target]));
  if (!worst.length) return p("No class has scored rows to draw a curve from.");
  let entry = worst[0];
  const numbers = el("div");
  const fill = () =>
    numbers.replaceChildren(table(`Curve of ${entry.name}`, [
      { head: "Threshold", cell: (q) => share(q.threshold), key: (q) => q.threshold },
      { head: "Recall", cell: (q) => number(q.recall, "none of its rows", share), key: (q) => q.recall },
      { head: "Precision", cell: (q) => number(q.precision, "none flagged", share), key: (q) => q.precision },
      { head: "Flagged share", cell: (q) => number(q.flagged_share, null, share), key: (q) => q.flagged_share },
    ], entry.curve, { limit: 60 })); // prettier-ignore
  const options = worst.map((k, i) => el("option", { value: i }, k.name));
  const onchange = (event) => {
    entry = worst[event.target.value];
    fill();
    chart.redraw();
  };
  const select = el("label", { class: "pick" }, "Class ", el("select", { onchange }, options));
  fill();
  const draw = (width) => thresholdCurve(entry, { width, target: t.target, goal: t.goal });
  const chart = figure("Recall and precision against the threshold", `On the scored rows. The classes are in the order of their ${t.target}, lowest first.`, draw, numbers, { controls: select, most: 680 });
  return chart;
}

function thresholdTable(t) {
  const needed = t.per_class.find((k) => k.needed_positives != null)?.needed_positives;
  const few = needed == null ? [] : t.per_class.filter((k) => k.fit_positives < needed);
  const columns = [
    { head: "Class", words: true, cell: (k) => k.name, key: (k) => k.name },
    { head: "Threshold", cell: (k) => number(k.threshold, k.reason, share), key: (k) => k.threshold },
    { head: "Fit positives", cell: (k) => format.count(k.fit_positives), key: (k) => k.fit_positives },
    needed == null ? null : { head: "Needed", cell: (k) => format.count(k.needed_positives), key: (k) => k.needed_positives },
    { head: "Recall", cell: (k) => estimate(k.recall), key: (k) => value(k.recall) },
    { head: "Precision", cell: (k) => estimate(k.precision), key: (k) => value(k.precision) },
    { head: "Flagged", cell: (k) => number(k.flagged_share, k.reason, share), key: (k) => k.flagged_share },
  ].filter(Boolean);
  const sorted = [...t.per_class].sort((a, b) => byValue(a[t.target], b[t.target]));
  const promise = needed == null ? "" : few.length
    ? `A recall of ${t.goal} can be promised with 95 % confidence only from ${format.count(needed)} positives on; ${few.length} of ${plural(t.per_class.length, "class", "classes")} had fewer.`
    : `Every class had the ${format.count(needed)} positives that a promise of recall ${t.goal} with 95 % confidence needs.`; // prettier-ignore
  return el("div", {}, h3("Threshold of each class"), promise ? p(promise) : null, table(`Thresholds, lowest ${t.target} first`, columns, sorted));
}

// -------------------------------------------------------------------------------------------------------- 9 imbalance

export function imbalanceSection({ classes, per_class: each, scores }) {
  const all = classes.map((k) => {
    const own = each.find((e) => e.index === k.index);
    return { name: k.name, n: k.score_rows, fit: k.fit_rows, share: k.share, probability: own?.mean_probability ?? null, estimate: own?.recall ?? { value: null } };
  });
  const rare = [...all].sort((a, b) => a.n - b.n);
  const gap = (r) => (r.share == null || r.probability == null ? null : r.probability - r.share);
  const farthest = [...all].sort((a, b) => Math.abs(gap(b) ?? 0) - Math.abs(gap(a) ?? 0));
  const lines = all.length > MOST_LINES ? farthest.slice(0, MOST_LINES) : [...all].sort((a, b) => b.n - a.n);
  const columns = [
    { head: "Class", words: true, cell: (r) => r.name, key: (r) => r.name },
    { head: "Fit rows", cell: (r) => format.count(r.fit), key: (r) => r.fit },
    { head: "Scored rows", cell: (r) => format.count(r.n), key: (r) => r.n },
    { head: "Share", cell: (r) => number(r.share, "no scored row", share), key: (r) => r.share },
    { head: "Mean probability", cell: (r) => number(r.probability, "not computed", share), key: (r) => r.probability },
    { head: "Difference", cell: (r) => number(gap(r), "not computed"), key: gap },
  ];
  const recalls = [
    columns[0], columns[2],
    { head: "Recall", cell: (r) => estimate(r.estimate), key: (r) => value(r.estimate) },
  ]; // prettier-ignore
  const present = rare.filter((r) => r.n > 0);
  const lead = present.length
    ? p(`The rarest class with rows, ${present[0].name}, has ${plural(present[0].n, "scored row")}; the most common, ${present.at(-1).name}, has ${format.count(present.at(-1).n)}, ${format.number(present.at(-1).n / present[0].n, 1)} times as many.`)
    : p("No class has a scored row.");
  const about = "Bar: the class's share of the scored rows. Disc: the mean probability the calibrated model gives it. A disc past its bar: the model expects the class more often than it comes." +
    (all.length > lines.length ? ` The ${lines.length} classes furthest off; the table has all.` : "");
  return section("imbalance", "Imbalance", lead,
    figure("Class shares and mean predicted probability", about, (width) => shareBars(lines, { width }), table("Class shares", columns, all.length > MOST_LINES ? farthest : rare)),
    figure("Recall by rarity of the class", "Does the model serve rare classes as well as common ones?", (width) => rarity(all, { width, reference: value(scores.after.macro_recall) }), table("Recall, rarest class first", recalls, rare), { most: 680 })); // prettier-ignore
}

// ----------------------------------------------------------------------------------------------------------- 10 slices

export function sliceSection({ slices, scores }) {
  if (!slices.length)
    return section("slices", "Slices",
      p("No slice was given, so nothing is known about groups within these rows: an average can hide a group that is served badly. Name a column of the file to see each of its values apart: ", el("code", {}, "xent audit FILE --slice COLUMN"), ".")); // prettier-ignore
  const overall = { name: "all rows", value: value(scores.after.accuracy) };
  const one = (s) => {
    const sorted = [...s.values].sort((a, b) => byValue(a.accuracy, b.accuracy));
    const lines = sorted.slice(0, MOST_LINES).map((v) => ({ name: String(v.value), estimate: { reason: v.reason, ...v.accuracy } }));
    const columns = [
      { head: s.column, words: true, cell: (v) => String(v.value), key: (v) => String(v.value) },
      { head: "Rows", cell: (v) => format.count(v.n), key: (v) => v.n },
      { head: "Accuracy", cell: (v) => estimate(v.accuracy), key: (v) => value(v.accuracy) },
      { head: "NLL, nats", cell: (v) => estimate(v.nll, format.number), key: (v) => value(v.nll) },
      { head: "ECE", cell: (v) => estimate(v.ece), key: (v) => value(v.ece) },
      { head: "Mean confidence", cell: (v) => number(v.mean_confidence, v.reason, share), key: (v) => v.mean_confidence },
    ];
    const kinds = { values: "One line a value.", quantiles: "Split at quantiles of the column.", edges: "Split at the edges given." };
    const about = `${kinds[s.kind] ?? ""}${s.sampled ? " The quantiles come from a sample of the rows." : ""} Lowest accuracy first, after calibration.` +
      (sorted.length > lines.length ? ` The ${lines.length} lowest of ${sorted.length}; the table has all.` : "");
    return figure(`Accuracy by ${s.column}`, about, (width) => dots(lines, { width, title: "accuracy", reference: overall }), table(`Slices by ${s.column}`, columns, sorted));
  };
  return section("slices", "Slices",
    p("The same scores within groups of rows. Where an interval lies wholly below the line of all rows, the group is served worse than chance would explain; with many groups, a few such lines are expected by chance."),
    slices.map(one)); // prettier-ignore
}
