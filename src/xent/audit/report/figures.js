import { confusion, dots, format, lorenz, rarity, shareBars } from "../../explorer/charts.js";
import { MOST_LINES, byValue, choice, el, estimate, facts, figure, h3, note, number, p, plural, section, share, table, unitsOf, value } from "./parts.js";
import { className } from "./words.js";

// The sections built around charts of rows, classes and groups: wrong rows, confusion, imbalance, slices.

// -------------------------------------------------------------------------------------------------------- 6 wrong rows

export function worstSection(result) {
  const { rows, loss_share: points } = result.worst_rows;
  const { unit, weighted } = unitsOf(result);
  const title = "Most confidently wrong rows";
  const one = points.find((q) => q.rows_share >= 0.0099) ?? points.at(-1);
  const lead = one
    ? p(`The costliest ${format.percent(one.rows_share)} of the ${unit} own${weighted ? "s" : ""} ${format.percent(one.loss_share)} of the total loss; each ${weighted ? "row of it" : "of them"} costs at least ${format.number(one.nll_at_least)} nats. Rows like these are where wrong labels, broken inputs and real blind spots hide: look at them one by one.`)
    : p("The share of the loss by row is not given: there is no loss to share.");
  const name = (k) => (k == null ? "—" : className(result, k));
  const columns = [
    { head: "Row", cell: (r) => String(r.row), key: (r) => r.row },
    { head: "NLL, nats", cell: (r) => number(r.nll, r.reason), key: (r) => r.nll ?? Infinity },
    { head: "Label", words: true, cell: (r) => name(r.label), key: (r) => name(r.label) },
    { head: "Predicted", words: true, cell: (r) => name(r.predicted), key: (r) => name(r.predicted) },
    { head: "Confidence", cell: (r) => share(r.confidence), key: (r) => r.confidence },
  ];
  const shares = [
    { head: `Costliest ${unit}`, cell: (q) => format.percent(q.rows_share), key: (q) => q.rows_share },
    { head: "Share of the loss", cell: (q) => share(q.loss_share), key: (q) => q.loss_share },
    { head: "NLL at least, nats", cell: (q) => format.number(q.nll_at_least), key: (q) => q.nll_at_least },
  ];
  const list = rows.length ? table("Wrong rows, costliest first", columns, rows, { limit: 20, about: "Wrong rows only, after calibration. Row numbers count from 0 in the file." }) : p("No scored row is wrong.");
  const chart = points.length ? figure("Who owns the loss", "The further the curve bends to the upper left, the fewer rows carry the loss.", (width) => lorenz(points, { width, unit }), table("Share of the loss", shares, points), { most: 480 }) : null;
  return section("worst-rows", title, lead, list, chart);
}

// --------------------------------------------------------------------------------------------------------- 7 confusion

export function confusionSection(result) {
  const { confusion: c, scores } = result;
  const { unit, head, tag } = unitsOf(result);
  const names = c.classes.map((k) => className(result, k));
  let view = "count";
  const words = { count: unit, row: "% of the true class", column: "% of the predicted class" };
  const pick = choice("Show", Object.entries(words), (value) => {
    view = value;
    map.redraw();
  });
  const cells = c.matrix.flatMap((row, i) => row.map((count, j) => ({ i, j, count }))).filter((q) => q.count > 0);
  cells.sort((a, b) => (a.i === a.j) - (b.i === b.j) || b.count - a.count);
  const cellTable = table(`Cells with ${unit}, confusions first`, [
    { head: "True", words: true, cell: (q) => names[q.i], key: (q) => names[q.i] },
    { head: "Predicted", words: true, cell: (q) => names[q.j], key: (q) => names[q.j] },
    { head, cell: (q) => format.count(q.count), key: (q) => q.count },
  ], cells, { limit: 40, brief: true }); // prettier-ignore
  const about = `Right ones lie on the diagonal, in blue; every orange cell is a confusion. The deeper a colour, the more ${unit}, on a square-root scale. ` +
    "Each of the two has a scale of its own, up to its largest cell: orange may be deeper than blue and yet stand for less." +
    (c.complete ? "" : ` Of ${result.classes.length} classes, the ${names.length} with most errors are shown; percentages are of the ${unit} shown.`);
  const map = names.length
    ? figure(`Confusion of true and predicted classes${tag}`, about, (width) => confusion(c.matrix, names, { view, width, unit }), cellTable, { controls: pick })
    : p(`There is no confusion map: ${c.reason ?? "no row was scored, or there are too many classes to keep one"}.`);
  const pairs = [
    { head: "True", words: true, cell: (q) => className(result, q.true), key: (q) => className(result, q.true) },
    { head: "Predicted", words: true, cell: (q) => className(result, q.predicted), key: (q) => className(result, q.predicted) },
    { head, cell: (q) => format.count(q.count), key: (q) => q.count },
    { head: "Share of the true class", cell: (q) => share(q.share), key: (q) => q.share },
  ];
  const list = c.pairs.length ? table("Most confused pairs", pairs, c.pairs, { limit: 10 }) : p("No pair of classes is confused: no scored row is wrong.");
  const macro = { name: "macro", value: value(scores.after.macro_recall) };
  return section("confusion", "Confusion", map, list, h3("Recall and precision of each class"),
    p(`Recall: of the ${unit} of a class, the share that was recognised. Precision: of the ${unit} predicted as a class, the share that is of it. Lowest first.`),
    classFigure("Recall", result, "recall", macro), classFigure("Precision", result, "precision", null), classTable(result)); // prettier-ignore
}

function classFigure(title, result, key, reference) {
  const { tag, n, size } = unitsOf(result);
  const sorted = [...result.per_class].sort((a, b) => byValue(a[key], b[key]));
  const lines = sorted.slice(0, MOST_LINES).map((k) => ({ name: k.name, estimate: k[key] }));
  const about = sorted.length > lines.length ? `The ${lines.length} lowest of ${sorted.length} classes; the table has all.` : null;
  const numbers = table(`${title} of each class`, [
    { head: "Class", words: true, cell: (k) => k.name, key: (k) => k.name },
    { head: title, cell: (k) => estimate(k[key]), key: (k) => value(k[key]) },
    { head: size, cell: (k) => format.count(k[key].n), key: (k) => k[key].n },
  ], sorted); // prettier-ignore
  return figure(`${title} of each class${tag}`, about, (width) => dots(lines, { width, title: `${title.toLowerCase()}${tag}`, reference, n }), numbers);
}

/** The weight (or the number) of scored rows of each class by its index: the predicted ones add up to that of all. */
function sizes(result) {
  const total = result.per_class.reduce((sum, k) => sum + (k.predicted ?? 0), 0);
  const { weighted } = unitsOf(result);
  return result.classes.map((k) => (weighted ? (k.share ?? 0) * total : k.score_rows));
}

function classTable(result) {
  const { head, weighted, tag } = unitsOf(result);
  const size = sizes(result);
  const columns = [
    { head: "Class", words: true, cell: (k) => k.name, key: (k) => k.name },
    { head, cell: (k) => format.count(size[k.index]), key: (k) => size[k.index] },
    { head: weighted ? "Predicted weight" : "Predicted", cell: (k) => format.count(k.predicted), key: (k) => k.predicted },
    { head: "Recall", cell: (k) => estimate(k.recall), key: (k) => value(k.recall) },
    { head: "Precision", cell: (k) => estimate(k.precision), key: (k) => value(k.precision) },
    { head: "NLL, nats", cell: (k) => number(k.nll, k.reason ?? k.recall.reason), key: (k) => k.nll },
  ];
  return table(`Every class, lowest recall first${tag}`, columns, [...result.per_class].sort((a, b) => byValue(a.recall, b.recall)));
}

// -------------------------------------------------------------------------------------------------------- 9 imbalance

export function imbalanceSection(result) {
  const { classes, per_class: each, scores } = result;
  const { weighted, unit, tag } = unitsOf(result);
  const size = (r) => (weighted ? r.share ?? 0 : r.n);
  const all = classes.map((k) => {
    const own = each.find((e) => e.index === k.index);
    return { name: k.name, n: k.score_rows, fit: k.fit_rows, share: k.share, probability: own?.mean_probability ?? null, estimate: own?.recall ?? { value: null } };
  });
  const rare = [...all].sort((a, b) => size(a) - size(b));
  const gap = (r) => (r.share == null || r.probability == null ? null : r.probability - r.share);
  const farthest = [...all].sort((a, b) => Math.abs(gap(b) ?? 0) - Math.abs(gap(a) ?? 0));
  const lines = all.length > MOST_LINES ? farthest.slice(0, MOST_LINES) : [...rare].reverse();
  const own = { head: "Class", words: true, cell: (r) => r.name, key: (r) => r.name };
  const scored = { head: "Scored rows", cell: (r) => format.count(r.n), key: (r) => r.n };
  const part = { head: weighted ? "Share of the weight" : "Share", cell: (r) => number(r.share, "no scored row", share), key: (r) => r.share };
  const counts = weighted ? [] : [{ head: "Fit rows", cell: (r) => format.count(r.fit), key: (r) => r.fit }, scored];
  const columns = [
    own, ...counts, part,
    { head: "Mean probability", cell: (r) => number(r.probability, "not computed", share), key: (r) => r.probability },
    { head: "Difference", cell: (r) => number(gap(r), "not computed"), key: gap },
  ]; // prettier-ignore
  const recalls = [
    own, weighted ? part : scored,
    { head: "Recall", cell: (r) => estimate(r.estimate), key: (r) => value(r.estimate) },
  ]; // prettier-ignore
  const present = rare.filter((r) => r.n > 0);
  const [least, most] = [present[0], present.at(-1)];
  const times = present.length ? format.number(size(most) / size(least), 1) : "";
  const lead = present.length && weighted
    ? p(`By weight, the rarest class with rows, ${least.name}, has ${format.percent(least.share)} of the scored weight; the most common, ${most.name}, has ${format.percent(most.share)}, ${times} times as much.`)
    : present.length
    ? p(`The rarest class with rows, ${least.name}, has ${plural(least.n, "scored row")}; the most common, ${most.name}, has ${format.count(most.n)}, ${times} times as many.`)
    : p("No class has a scored row.");
  const about = `Bar: the class's share of the scored ${unit}. Disc: the mean probability the calibrated model gives it${tag}. A disc past its bar: the model expects the class more often than it comes.` +
    (all.length > lines.length ? ` The ${lines.length} classes furthest off; the table has all.` : "");
  return section("imbalance", "Imbalance", lead,
    figure(`Class shares and mean predicted probability${tag}`, about, (width) => shareBars(lines, { width, unit }), table("Class shares", columns, all.length > MOST_LINES ? farthest : rare)),
    figure(`Recall by rarity of the class${tag}`, "Does the model serve rare classes as well as common ones?", (width) => rarity(all, { width, unit, reference: value(scores.after.macro_recall) }), table("Recall, rarest class first", recalls, rare), { most: 680 })); // prettier-ignore
}

// ----------------------------------------------------------------------------------------------------------- 10 slices

export function sliceSection(result) {
  const { slices, scores } = result;
  const { tag, n, size, weighted } = unitsOf(result);
  if (!slices.length)
    return section("slices", "Slices",
      p("No slice was given, so nothing is known about groups within these rows: an average can hide a group that is served badly. Name a column of the file to see each of its values apart: ", el("code", {}, "xent audit FILE --slice COLUMN"), ".")); // prettier-ignore
  const overall = { name: "all rows", value: value(scores.after.accuracy) };
  const one = (s) => {
    const sorted = [...s.values].sort((a, b) => byValue(a.accuracy, b.accuracy));
    const lines = sorted.slice(0, MOST_LINES).map((v) => ({ name: String(v.value), estimate: { reason: v.reason, ...v.accuracy } }));
    const columns = [
      { head: s.column, words: true, cell: (v) => String(v.value), key: (v) => String(v.value) },
      { head: weighted ? size : "Rows", cell: (v) => format.count(v.n), key: (v) => v.n },
      { head: "Accuracy", cell: (v) => estimate(v.accuracy), key: (v) => value(v.accuracy) },
      { head: "NLL, nats", cell: (v) => estimate(v.nll, format.number), key: (v) => value(v.nll) },
      { head: "ECE", cell: (v) => estimate(v.ece), key: (v) => value(v.ece) },
      { head: "Mean confidence", cell: (v) => number(v.mean_confidence, v.reason, share), key: (v) => v.mean_confidence },
    ];
    const kinds = { values: "One line a value.", quantiles: "Split at quantiles of the column.", edges: "Split at the edges given." };
    const about = `${kinds[s.kind] ?? ""}${s.sampled ? " The quantiles come from a sample of the rows." : ""} Lowest accuracy first, after calibration.` +
      (sorted.length > lines.length ? ` The ${lines.length} lowest of ${sorted.length}; the table has all.` : "");
    return figure(`Accuracy by ${s.column}${tag}`, about, (width) => dots(lines, { width, title: `accuracy${tag}`, reference: overall, n }), table(`Slices by ${s.column}`, columns, sorted));
  };
  return section("slices", "Slices",
    p("The same scores within groups of rows. Where an interval lies wholly below the line of all rows, the group is served worse than chance would explain; with many groups, a few such lines are expected by chance."),
    slices.map(one)); // prettier-ignore
}
