import { dots, format, reliability, reliabilityFrom } from "../../explorer/charts.js";
import { el, estimate, figure, h3, note, number, p, plural, section, share, status, table, unitsOf, value } from "./parts.js";
import { methodOf } from "./words.js";

// The section of calibration: reliability diagrams, the choice of a calibrator, the temperature.

// ------------------------------------------------------------------------------------------------------- 5 reliability

export function reliabilitySection(result) {
  const { calibration: c } = result;
  const { weighted, unit, head, tag } = unitsOf(result);
  const from = reliabilityFrom(c.before.bins, c.after.bins);
  const columns = [
    { head: "Confidence", cell: (b) => `${share(b.low)} to ${share(b.high)}`, key: (b) => b.low },
    { head, cell: (b) => format.count(b.n), key: (b) => b.n },
    { head: "Mean confidence", cell: (b) => number(b.confidence, b.reason, share), key: (b) => b.confidence },
    { head: "Accuracy", cell: (b) => estimate(b.accuracy), key: (b) => value(b.accuracy) },
    { head: "Calibrated model, 95 %", cell: (b) => `${share(b.band_low)} to ${share(b.band_high)}` },
  ];
  const side = (name, tone, bins) =>
    bins.length
      ? figure(`Reliability ${name}${tag}`, null, (width) => reliability(bins, { tone, width, from, name, unit }), table(`Bins ${name}`, columns, bins, { limit: 30 }), { most: 460 })
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
    p(`A probability is honest when, of all ${weighted ? "the weight" : "rows"} given 0.8, eight ${weighted ? "tenths" : "in ten"} are right. Points below the diagonal are overconfident, above it underconfident; a point inside the grey band is no further off than chance would put it.`),
    key, el("div", { class: "pair" }, side("before", "before", c.before.bins), side("after", "after", c.after.bins)),
    from > 0 ? note(`The axes begin at ${from}; nothing lies below.`) : null,
    table(`Calibration error${tag}`, lines, summary),
    h3("Which calibrator"), ...calibratorWords(result), h3("Temperature"), ...temperatureWords(result),
  ); // prettier-ignore
}

/** Which calibrator made the scores “after”, and how others do on the rows that may be learnt from. */
function calibratorWords(result) {
  const { calibration: c, design } = result;
  const { calibrator: own, comparison: k } = c;
  const { n } = unitsOf(result);
  const [who, each] = design.mode === "cross-fit" ? ["The policy's calibrator is ", ` Each half is scored with one that the other half ${k.asked === "auto" ? "chose and " : ""}taught.`] : ["The scores “after” come from ", ""];
  const sample = ", a random sample of those that may be learnt from";
  const used = p(who, el("code", {}, own.name), `, learnt from ${plural(own.fit_rows, "row")}${own.sampled ? sample : ""}. It preserves ${own.preserves}.${each}`);
  if (!k.candidates.length) return [used, p(`Calibrators were not compared: ${k.reason}.`)];
  const role = k.asked === "auto"
    ? "So the one used was chosen: the default for so many classes and rows stays unless another is better beyond the 95 % interval of their difference."
    : `It chose nothing here: the audit was set to ${methodOf(result)}.`; // prettier-ignore
  const how = p(
    `Candidates are compared by ${k.folds}-fold cross-validation on ${plural(k.rows, "row")}${k.sampled ? sample : ""}. What counts is the log loss of rows that a candidate did not learn from, ` +
      `never ECE, which a model that always says the class shares brings to 0. ${role} The least of several estimates is a little too low: quote the scores above instead.`,
  );
  const kind = ({ name }) => name.split("(")[0];
  const brief = (one) => (k.candidates.filter((other) => kind(other) === kind(one)).length > 1 ? one.name : kind(one)); // room for names is scarce
  const lines = k.candidates.map((one) => ({ name: `${one.chosen ? "✓ " : ""}${brief(one)}`, estimate: one.change, tone: one.chosen ? "after" : "soft" }));
  const ends = lines.flatMap(({ estimate: e }) => (e.value == null ? [] : [e.low ?? e.value, e.high ?? e.value]));
  const [low, high] = [Math.min(0, ...ends), Math.max(0, ...ends)];
  const room = 0.04 * (high - low) || 0.01;
  const look = { title: "change of the log loss, nats", domain: [low - room, high + room], reference: { value: 0, words: "as it came" }, one: format.number, n };
  const nats = (e) => estimate(e, format.number);
  const columns = [
    { head: "Calibrator", words: true, cell: (one) => (one.chosen ? [brief(one), " ", status("used", "ok")] : brief(one)) },
    { head: "Log loss, nats", cell: (one) => number(value(one.nll), one.nll.reason), key: (one) => value(one.nll) },
    { head: "Change", cell: (one) => (one.reason ? "—" : nats(one.change)), key: (one) => value(one.change) },
    { head: "Behind the best", cell: (one) => (one.reason ? "—" : nats(one.behind)), key: (one) => value(one.behind) },
    { head: "What it preserves", words: true, cell: (one) => one.preserves },
  ];
  const numbers = table("Calibrators compared, best first", columns, k.candidates, { about: "Differences are of the same rows, pair by pair; a change below 0 is an improvement." });
  const before = k.uncalibrated.value == null ? "" : ` As it came, the model has ${format.estimate(k.uncalibrated, format.number)} nats on these rows.`;
  const about = `✓: the one used. Left of the dashed line, a calibrator lowers the loss of rows that it did not learn from.${before}`;
  return [used, how, figure("Change of the log loss by each calibrator", about, (width) => dots(lines, { width, ...look }), numbers, { most: 940 })];
}

function temperatureWords(result) {
  const { calibration: c, source } = result;
  const T = c.temperature;
  const [told, score] = [c.method !== "temperature", source.kind === "probs" ? "log-probability" : "logit"];
  if (T == null) return [p(`No temperature was fitted: ${c.reason ?? "no reason is given"}. ${told ? `The scores “after” do without: they come from ${methodOf(result)}.` : "The numbers “after” are those of the model as it came."}`)];
  const effect = T > 1 ? "so every probability moves towards equal shares" : T < 1 ? "so every probability moves towards 0 or 1" : "so nothing changes";
  const error = c.standard_error == null ? "" : ` (standard error ${format.number(c.standard_error)})`;
  const end = c.converged === false ? " The fit did not converge: this is where it stopped, not where the NLL is smallest." : "";
  const chosen = c.converged === false ? "sought" : "chosen";
  const origin = `One number, ${chosen} on ${plural(c.fit_rows, "row")} by the smallest NLL`;
  const even = Math.abs(T - 1) <= 2 * (c.standard_error || 0.01); // as in the verdict
  const lean = even ? "neither over- nor underconfident beyond chance" : T > 1 ? "overconfident" : "underconfident";
  const words = told
    ? p(`T = ${format.number(T)}${error} is told, not used: the scores “after” come from ${methodOf(result)}. ${origin}, it says that the model as it came was, on the whole, ${lean}.${end}`)
    : p(`Every ${score} is divided by T = ${format.number(T)}${error}, ${effect}. ${origin}; it leaves the order of the classes in a row as it was, and so accuracy too.${end}`);
  const fits = (c.fits ?? []).map((f) => (typeof f === "number" ? { temperature: f } : f));
  if (!fits.length) return [words];
  const columns = [
    { head: "Half", words: true, cell: (f) => (fits.indexOf(f) + 1).toString() },
    { head: "T", cell: (f) => number(f.temperature, f.reason) },
    { head: "Standard error", cell: (f) => number(f.standard_error, f.reason) },
    { head: "Fit rows", cell: (f) => format.count(f.fit_rows) },
  ];
  return [words, p(told ? "T above is of both halves together; these are of each alone, told only as well." : "Cross-fit: each half was scored with the temperature that the other half chose. T above is the policy's, fitted on rows of both."), table("The temperature of each half", columns, fits)];
}
