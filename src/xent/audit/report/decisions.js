import { countBars, dots, format, partition, thresholdCurve, twoHistograms } from "../../explorer/charts.js";
import { MOST_LINES, byValue, el, estimate, facts, figure, h3, note, number, p, plural, section, share, status, table, unitsOf, value } from "./parts.js";

// The sections of decisions: thresholds of the known classes, and inputs of no known class.

const percentage = (share) => `${Number((100 * share).toPrecision(8))} %`; // 0.95 as it was asked for: 95 %

// -------------------------------------------------------------------------------------------------------- 8 thresholds

export function thresholdSection(result) {
  const { thresholds: t, design, calibration: c } = result;
  const { weighted, unit, tag } = unitsOf(result);
  const crossed = design.mode === "cross-fit";
  if (!t?.per_class?.length) return section("thresholds", "Thresholds and decisions", p(`No threshold was chosen: ${t?.reason ?? "none was asked for"}.`));
  const d = t.decision;
  const promised = proof(t);
  const parts = [["exactly one class", d.one], ["several classes", d.several], ["no class", d.none]].map(([name, share]) => ({ name, share })); // prettier-ignore
  const outcome = figure(
    `What the policy decides${tag}`, "A row is decided when exactly one class reaches its threshold; the others go to a person or to a rule of your own.",
    (width) => partition(parts, { width, unit, label: `Outcome of the policy on the scored rows${tag}` }),
    table("Outcome of the policy", [
      { head: "Classes at or above their threshold", words: true, cell: (q) => q.name },
      { head: `Share of the scored ${unit}`, cell: (q) => number(q.share, d.reason, share) },
    ], parts), { most: 640 },
  ); // prettier-ignore
  const accuracy = facts([
    ["Accuracy where one class is left", estimate(d.accuracy_when_one)],
    ["Accuracy of the most probable class, all rows", estimate(d.argmax_accuracy)],
  ].map(([term, words]) => [`${term}${tag}`, words]));
  const apart = t.confidence == null ? "" : " that did not teach the calibrator";
  const origin = crossed
    ? `The threshold shown is the policy's, chosen on all rows${apart}, so no row is left to judge that very number on. The recalls, precisions, curves and outcomes below come from cross-fitting: each half is judged with the ${c.method === "temperature" ? "temperature" : "calibrator"} and thresholds that the other half chose. They say how well thresholds chosen in this way do on rows that did not choose them.`
    : `It was chosen on the fit rows${apart}; recall and precision below come from rows that did not choose it.`;
  return section("thresholds", "Thresholds and decisions",
    p(`For each class, the threshold on its calibrated probability that ${t.confidence == null ? "aims at" : "is proven to keep"} a ${t.target} of ${t.goal}. ${origin}${weighted ? " Recalls, precisions and shares are weighted; positives are effective numbers of rows." : ""}`),
    ...promised, outcome, accuracy, curveFigure(t, crossed, unit), thresholdTable(t, crossed, weighted)); // prettier-ignore
}

/** What is promised with a confidence, on which assumptions, and for which classes not; nothing where none was asked. */
function proof(t) {
  if (t.confidence == null) return [];
  const [recall, all] = [t.target === "recall", plural(t.per_class.length, "class", "classes")];
  const lacking = t.per_class.filter((k) => !k.proven);
  const proven = t.per_class.length - lacking.length;
  const needed = t.per_class.find((k) => k.needed != null)?.needed;
  const [sure, goal] = [percentage(t.confidence), `a ${t.target} of at least ${t.goal}`];
  const which = proven === 1 ? "the one threshold given keeps" : lacking.length ? `all ${proven} thresholds given keep` : "all thresholds keep";
  const promise = proven
    ? `With at least ${sure} probability over the draw of the rows that choose, ${which} ${goal} on new rows.`
    : `For no class could ${goal} be proven with ${sure} confidence, so no threshold is given.`;
  const unit = recall ? "fit positive" : "flagged row";
  const price = needed == null ? "" : `A proof takes at least ${plural(needed, unit)} ${recall ? " of a class" : " (at or above a class's threshold)"}, corrected for asking ${all} at once. `;
  const none = !proven ? "" : lacking.length ? `${lacking.length} of ${all} ${lacking.length === 1 ? "has" : "have"} no proof and therefore no threshold: the policy never flags ${lacking.length === 1 ? "it" : "them"}.` : "Every class has its proof.";
  const own = { head: "Class", words: true, cell: (k) => k.name, key: (k) => k.name };
  const had = { head: "Fit positives", cell: (k) => format.count(k.fit_positives), key: (k) => k.fit_positives };
  const wants = { head: recall ? "Needed" : "Flagged rows needed", cell: (k) => number(k.needed, k.reason, format.count), key: (k) => k.needed };
  const why = { head: "Why there is none", words: true, cell: (k) => k.reason };
  const proof = { head: "Proof", words: true, cell: (k) => (k.proven ? status("proven", "ok") : status("no proof", "warning")), key: (k) => Number(k.proven) };
  const fewest = [...t.per_class].sort((a, b) => a.fit_positives - b.fit_positives);
  const lines = fewest.slice(0, MOST_LINES).map((k) => ({ name: k.name, n: k.fit_positives, proven: k.proven }));
  const about = `Hollow: no proof. The dashed line stands at what a proof takes. ${lines.length < fewest.length ? `The ${lines.length} classes with the fewest; the table has all.` : "Fewest first."}${lines.some((k) => k.n > 3 * needed) ? " Bars are cut at three times that." : ""}`;
  const draw = (width) => countBars(lines, { width, needed, unit: "fit positives" });
  return [
    el("p", { class: "lead" }, promise), p(`Assumed: ${t.assumptions}`), p(price, none),
    recall && needed ? figure("Fit positives of each class and what a proof takes", about, draw, table("Fit positives and proofs", [own, had, wants, proof], fewest), { most: 640 }) : null,
    lacking.length ? table("Classes without a proof", [own, had, wants, why], lacking) : null,
  ].filter(Boolean); // prettier-ignore
}

function curveFigure(t, crossed, unit) {
  const worst = t.per_class.filter((k) => k.curve.length).sort((a, b) => byValue(a[t.target], b[t.target]));
  if (!worst.length) return p("No class carries a curve to draw.");
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
  const draw = (width) => thresholdCurve(entry, { width, unit, target: t.target, goal: t.goal });
  const some = worst.length === t.per_class.length ? "" : ` Only ${worst.length} of ${plural(t.per_class.length, "class", "classes")} carry a curve and can be chosen here; the table below has all.`;
  const about = `On the scored rows${crossed ? "; the upright line is the policy's threshold" : ""}. The classes are in the order of their ${t.target}, lowest first.${some}`;
  const chart = figure("Recall and precision against the threshold", about, draw, numbers, { controls: select, most: 680 });
  return chart;
}

function thresholdTable(t, crossed, weighted) {
  const needed = t.per_class.find((k) => k.needed_positives != null)?.needed_positives;
  const empirical = needed != null && t.confidence == null;
  const few = !empirical ? [] : t.per_class.filter((k) => k.fit_positives < needed);
  const columns = [
    { head: "Class", words: true, cell: (k) => k.name, key: (k) => k.name },
    { head: crossed ? "Policy's threshold" : "Threshold", cell: (k) => number(k.threshold, k.proven === false ? "no proof" : k.reason, share), key: (k) => k.threshold },
    { head: "Recall", cell: (k) => estimate(k.recall), key: (k) => value(k.recall) },
    { head: "Precision", cell: (k) => estimate(k.precision), key: (k) => value(k.precision) },
    { head: "Flagged", cell: (k) => number(k.flagged_share, k.proven === false ? "no threshold" : k.reason, share), key: (k) => k.flagged_share },
    { head: weighted ? "Effective fit positives" : "Fit positives", cell: (k) => format.count(k.fit_positives), key: (k) => k.fit_positives },
    ...(empirical ? [{ head: "Needed to promise", cell: (k) => number(k.needed_positives, k.reason, format.count) }] : []),
  ];
  const sorted = [...t.per_class].sort((a, b) => byValue(a[t.target], b[t.target]));
  const had = few.length ? `${few.length} of ${plural(t.per_class.length, "class", "classes")} had fewer` : "every class had as many";
  const promise = !empirical ? "" :
    `A recall of ${t.goal} can be promised with 95 % confidence only from ${plural(needed, weighted ? "effective fit positive" : "fit positive")} on (${had}), and only by a threshold set lower to be safe. ` +
    `The thresholds here are the plain empirical ones, which promise nothing: on new rows such a threshold falls short of ${t.goal} about half the time, more often where it was chosen on few positives.`; // prettier-ignore
  return el("div", {}, h3("Threshold of each class"), promise ? p(promise) : null, table(`Thresholds, lowest ${t.target} first`, columns, sorted));
}

// --------------------------------------------------------------------------------------------------- 11 unknown inputs

export function unknownsSection({ unknowns: u }) {
  const title = "Unknown inputs";
  if (u == null)
    return section("unknowns", title,
      p("No file of unknown inputs was given, so it is not known whether the scores tell inputs of no known class from the others: the model gives each of them a class all the same. Give the scores of such inputs as a second file: ", el("code", {}, "xent audit FILE --unknowns FILE"), ".")); // prettier-ignore
  const { histogram: h, scores } = u;
  const [plain, goal] = [(name) => name.replaceAll("_", " "), percentage(u.tpr_goal)];
  const drawn = plain(h.score);
  const threshold = scores.find((s) => s.name === h.score)?.threshold;
  const bins = h.known.map((known, i) => ({ low: h.edges[i], high: h.edges[i + 1], known, unknown: h.unknown[i] }));
  const overlap = figure(
    `Known and unknown rows by ${drawn}`, "The less the two overlap, the better the score tells them apart." + (threshold == null ? "" : " Rows at the upright line, the threshold, or right of it are accepted as known."),
    (width) => twoHistograms({ ...h, score: drawn }, { width, threshold }),
    table(`Shares of the rows by ${drawn}`, [
      { head: "From", cell: (b) => format.number(b.low) },
      { head: "To", cell: (b) => format.number(b.high) },
      { head: "Known rows", cell: (b) => format.percent(b.known), key: (b) => b.known },
      { head: "Unknown rows", cell: (b) => format.percent(b.unknown), key: (b) => b.unknown },
    ], bins, { limit: 60 }), { most: 680 },
  ); // prettier-ignore
  const own = { head: "Score", words: true, cell: (s) => plain(s.name), key: (s) => s.name };
  const accepted = { head: "Unknown accepted", cell: (s) => estimate(s.fpr), key: (s) => value(s.fpr) };
  const columns = [
    own,
    { head: "AUROC", cell: (s) => estimate(s.auroc), key: (s) => value(s.auroc) },
    accepted,
    { head: "AUPR, known", cell: (s) => number(s.aupr_in, s.reason, share), key: (s) => s.aupr_in },
    { head: "AUPR, unknown", cell: (s) => number(s.aupr_out, s.reason, share), key: (s) => s.aupr_out },
  ];
  const points = [
    own,
    { head: "Threshold", cell: (s) => number(s.threshold, s.reason) },
    accepted,
    { head: "Known accepted", cell: (s) => estimate(s.tpr), key: (s) => value(s.tpr) },
  ];
  const numbers = table("Scores, highest AUROC first", columns, scores, { about: "The best of several scores looks a little better than it is. AUPR is the mean precision when known (or unknown) rows are to be found; unlike AUROC it depends on how many of both there are here." });
  const lines = scores.map((s) => ({ name: plain(s.name), estimate: s.fpr }));
  const look = { title: "share of the unknown rows accepted", domain: [0, 1] };
  return section("unknowns", title, el("p", { class: "lead" }, u.sentence),
    p(`AUROC is the chance that a known row scores higher than an unknown one: 1 where all do, 0.5 where the score tells nothing. Each threshold is to accept ${goal} of the known rows.`),
    facts([["Known rows", format.count(u.known_rows)], ["Unknown rows", format.count(u.rows)], ["Invalid unknown rows", format.count(u.invalid_rows)]]),
    overlap, numbers,
    figure("Unknown rows accepted by each score", `At the threshold that is to accept ${goal} of the known rows; further left is better.`, (width) => dots(lines, { width, ...look }), table("Thresholds of the scores", points, scores))); // prettier-ignore
}
