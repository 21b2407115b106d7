import { dots, format } from "../../explorer/charts.js";
import { absent, el, estimate, facts, figure, h3, note, number, p, plural, section, status, table, unitsOf } from "./parts.js";

// The sections made of words and tables: verdict, input checks, findings, scores, review, provenance.

/** "3 (cat)": a class by its name, with its index where the two differ. */
export const className = (result, index) => result.classes[index]?.name ?? `class ${index}`;

const METHODS = {
  temperature: "temperature scaling", ensemble: "ensemble temperature", structured: "structured scaling", vector: "vector scaling",
  matrix: "matrix scaling", dirichlet: "Dirichlet calibration", platt: "Platt scaling",
  quadratic: "quadratic scaling", beta: "beta calibration", isotonic: "isotonic calibration",
}; // prettier-ignore

/** What made the scores “after”, in words. */
export const methodOf = ({ calibration: c }) => METHODS[c.method];

// ---------------------------------------------------------------------------------------------------------- 1 verdict

const tile = (name, value, ...under) =>
  el("div", { class: "tile" }, el("dt", {}, name), el("dd", { class: "value" }, value), under.filter(Boolean).map((u) => el("dd", { class: "under" }, u)));

const interval = (e, one = format.share) => {
  if (e.value == null) return e.reason ?? "no value";
  return e.low == null ? e.reason ?? null : `95 % interval [${format.estimate(e, one).split(" [")[1]}`.replace(", ", ",\u00a0");
};
const shown = (e, one = format.share) => format.estimate(e, one).split(" [")[0];
const change = (a, b) => (a === b ? b : el("span", {}, el("span", { class: "was" }, `${a} → `), b));

/** What follows the verdict's sentence, which Python writes into the page. */
export function verdictCard(result) {
  const { design, scores, calibration: c, findings } = result;
  const { before, after, baseline } = scores;
  const T = c.temperature;
  const { tag } = unitsOf(result);
  const numbers = el(
    "dl",
    { class: "tiles" },
    tile("Rows scored", format.count(design.score_rows), `${plural(design.fit_rows, "fit row")}, ${design.mode}`),
    tile("Classes", format.count(result.classes.length), `${format.count(result.classes.filter((k) => k.score_rows > 0).length)} with scored rows`),
    tile(`Accuracy${tag}`, change(shown(before.accuracy), shown(after.accuracy)), interval(after.accuracy), `class shares alone: ${number(baseline.accuracy, "", format.share)}`),
    tile(`NLL, nats${tag}`, change(shown(before.nll, format.number), shown(after.nll, format.number)), interval(after.nll, format.number), baseline.nll == null ? null : `class shares alone: ${format.number(baseline.nll)} nats`),
    tile(`ECE${tag}`, change(shown(c.before.ece), shown(c.after.ece)), interval(c.after.ece), c.after.ece.null_95 == null ? null : `chance alone: up to ${format.share(c.after.ece.null_95)}`),
    tile("Temperature", T == null ? "—" : format.number(T), T == null ? c.reason ?? "not fitted" : c.standard_error == null ? null : `± ${format.number(c.standard_error)} standard error`, c.method === "temperature" ? null : `told only: ${methodOf(result)} is used`),
  );
  const worst = findings.slice(0, 3).map((f) => el("li", {}, status(f.severity), " ", el("a", { href: `#finding-${f.code}` }, f.title), `. ${f.seen}`));
  const rest = findings.length > 3 ? note(el("a", { href: "#findings" }, `All ${findings.length} findings`)) : null;
  const list = worst.length ? [h3("What to settle first"), el("ol", { class: "worst" }, worst), rest] : [];
  return [numbers, ...list, ...gateCard(result.gate)].filter(Boolean);
}

const SEVERITIES = ["error", "warning", "info"]; // as a gate's condition: its value is a number of findings

function gateCard(gate) {
  if (!gate) return [];
  const failed = gate.conditions.filter((k) => !k.passed).length;
  const words = gate.passed ? "The gate is passed: every condition holds." : `The gate is not passed: ${failed} of ${plural(gate.conditions.length, "condition")} failed.`;
  const columns = [
    { head: "Condition", words: true, cell: (k) => el("code", {}, k.condition) },
    { head: "Outcome", words: true, cell: (k) => status(k.passed ? "passed" : "failed") },
    { head: "Value", cell: (k) => (typeof k.value === "string" ? k.value : number(k.value, k.reason, SEVERITIES.includes(k.condition) ? format.count : format.number)) },
  ];
  return [h3("Gate"), p(words), table("The gate's conditions", columns, gate.conditions)];
}

// --------------------------------------------------------------------------------------------------------- 2, 3, 4

export function inputSection({ design: d, checks, source }) {
  const columns = [
    { head: "Check", words: true, cell: (c) => c.name },
    { head: "Status", words: true, cell: (c) => status(c.status) },
    { head: "Detail", words: true, cell: (c) => c.detail },
  ];
  const rows = facts([
    ["Rows in the file", format.count(source.rows)],
    ["Used to fit", format.count(d.fit_rows)],
    ["Scored", format.count(d.score_rows)],
    ["Ignored", source.ignore_index == null ? format.count(d.ignored_rows) : `${format.count(d.ignored_rows)} (label ${source.ignore_index})`],
    ["Invalid", format.count(d.invalid_rows)],
    ...(source.weight_column == null ? [] : [["Weighted by", source.weight_column]]),
  ]);
  const list = checks.length ? table("Checks of the input", columns, checks, { limit: 40 }) : p("No check was run on this input.");
  return section("inputs", "Input checks", el("p", { class: "lead" }, d.sentence), rows, list);
}

export function findingsSection(result) {
  const { findings } = result;
  if (!findings.length) return section("findings", "Findings", p("No finding: none of the audit's rules saw anything to report in these rows. That is not proof that nothing is wrong; see the review questions."));
  const listed = (values, one) => values.slice(0, 20).map(one).join(", ") + (values.length > 20 ? ` and ${values.length - 20} more` : "");
  const article = (f) => {
    const pairs = [["Seen", f.seen], ["Why it matters", f.why], ["What to do", f.do]]; // prettier-ignore
    if (f.classes.length) pairs.push(["Classes", listed(f.classes, (k) => className(result, k))]);
    if (f.rows.length) pairs.push(["First rows", listed(f.rows, String)]);
    const head = el("h3", {}, status(f.severity), " ", f.title, " ", el("code", {}, f.code));
    return el("article", { class: `finding ${f.severity}`, id: `finding-${f.code}` }, head, facts(pairs));
  };
  return section("findings", "Findings", note("Worst first. Each says what was seen, why it matters, and what to do about it."), findings.map(article));
}

export function scoresSection(result) {
  const { baseline, before, after } = result.scores;
  const { weighted, tag, n, size } = unitsOf(result);
  const reason = "not defined for the class shares alone";
  const both = (name, meaning, pick, one, base = null) => ({ name, meaning, base: base ?? { value: null, reason }, before: pick(before), after: pick(after), one });
  const plain = (value, reason) => ({ value, reason });
  const part = (name, meaning) => both(`Brier: ${name}`, meaning, (s) => plain(s.brier[name], s.brier.reason), format.number);
  const rows = [
    both("NLL, nats", "mean of −log p(true class); lower is better", (s) => s.nll, format.number, plain(baseline.nll)),
    both("NLL, bits", "the same in bits: nats / ln 2", (s) => plain(s.nll_bits, s.reason), format.number, plain(baseline.nll == null ? null : baseline.nll / Math.LN2)),
    both("Perplexity", "exp(NLL): like guessing among this many equal classes", (s) => plain(s.perplexity, s.reason), format.number, plain(baseline.nll == null ? null : Math.exp(baseline.nll))),
    both("Brier score", "mean squared error of all probabilities, 0 to 2; lower is better", (s) => s.brier, format.number, plain(baseline.brier)),
    part("reliability", "lost to miscalibration; lower is better"),
    part("resolution", "gained by telling rows apart; higher is better"),
    part("uncertainty", "what the labels alone make unavoidable"),
    part("remainder", "from grouping rows into bins; near 0"),
    both("Accuracy", weighted ? "share of the weight on rows whose most probable class is the true one" : "rows whose most probable class is the true one", (s) => s.accuracy, format.share, plain(baseline.accuracy)),
    ...after.top_k.filter((t) => t.k > 1).map(({ k }) =>
      both(`Top-${k} accuracy`, `true class among the ${k} most probable`, (s) => s.top_k.find((t) => t.k === k)?.accuracy, format.share)),
    both("Macro recall", "mean of the classes' recalls: every class counts the same", (s) => s.macro_recall, format.share),
  ]; // prettier-ignore
  const column = (head, key) => ({ head, cell: (r) => (key === "base" && r.base.value == null ? absent("") : estimate(r[key], r.one)) });
  const columns = [
    { head: "Score", words: true, cell: (r) => r.name },
    column("Class shares alone", "base"),
    column("Before", "before"),
    column("After", "after"),
    { head: "What it is", words: true, cell: (r) => r.meaning },
  ];
  const chart = [
    { name: "class shares alone", estimate: { value: baseline.nll, low: null, high: null, n: after.nll.n }, tone: "soft" },
    { name: "before", estimate: before.nll, tone: "before" },
    { name: "after", estimate: after.nll, tone: "after" },
  ];
  const most = Math.max(0.01, ...chart.map((r) => r.estimate.high ?? r.estimate.value ?? 0));
  const draw = (width) => dots(chart, { width, n, title: `NLL, nats${tag} (lower is better)`, domain: [0, Math.min(most * 1.03, Number.MAX_VALUE)], one: format.number });
  const numbers = table(`NLL in nats${tag}`, [
    { head: "Model", words: true, cell: (r) => r.name },
    { head: "NLL, nats", cell: (r) => estimate(r.estimate, format.number) },
    { head: size, cell: (r) => format.count(r.estimate.n) },
  ], chart); // prettier-ignore
  return section(
    "scores", "Proper scores",
    p(`A proper score is best, on average, for the model that states the true probabilities: it cannot be won by bluffing. Before and after refer to ${methodOf(result)}; the yardstick is a model that knows only the class shares of the fit rows.`),
    table(`Scores before and after ${methodOf(result)}${tag}`, columns, rows, { limit: 40, about: "In brackets: 95 % interval. A dash: not defined for the class shares alone." }),
    figure(`NLL against the class shares alone${tag}`, "How much of the loss the model takes away, and what calibration adds.", draw, numbers),
  ); // prettier-ignore
}

// ------------------------------------------------------------------------------------------------------------ 11, 12

export function reviewSection({ review }) {
  const origin = { data: "from these rows", partly: "partly from these rows", "not answerable": "not answerable from these rows" };
  const columns = [
    { head: "Question", words: true, cell: (r) => r.question },
    { head: "Answer", words: true, cell: (r) => r.answer },
    { head: "Where it comes from", words: true, cell: (r) => origin[r.from] ?? r.from },
  ];
  const body = review.length ? table("Review questions", columns, review, { limit: 60 }) : p("No review question was asked of this result.");
  return section("review", "Review questions", p("What a reviewer will ask, what these rows can answer, and what only people who know the system can."), body);
}

export function provenanceSection(result) {
  const { source: s, provenance: v, files, calibration: c, unknowns: u } = result;
  const code = (words) => el("code", {}, words);
  const column = (x) => (x == null ? "none" : Array.isArray(x) ? x.join(", ") : String(x));
  const flag = (x) => (x == null ? "not given" : typeof x === "string" ? x : JSON.stringify(x));
  const file = (f) => `${f.name} (${f.format}${f.bytes == null ? "" : `, ${format.count(f.bytes)} bytes`})`;
  const hash = (f) => (f.sha256 == null ? absent("made in memory: no file to hash") : code(f.sha256));
  const source = facts([
    ["File", file(s)],
    ["SHA-256", hash(s)],
    ...(u == null ? [] : [["Unknown inputs", file(u.source)], ["Their SHA-256", hash(u.source)]]),
    ["Numbers", `${s.kind}, ${s.dtype}`],
    ["Label column", column(s.label_column)],
    ["Logit columns", column(s.logit_columns)],
    ["Weight column", column(s.weight_column)],
    ["Split column", column(s.split_column)],
    ["Ignore index", column(s.ignore_index)],
    ["Seed", column(result.design.seed)],
    ["Calibrator", code(c.calibrator.name)],
    ["Temperature fit", `${plural(c.passes ?? 0, "pass", "passes")}, ${c.converged ? "converged" : "not converged"}, gradient ${c.gradient === null ? "unknown" : `${c.gradient.toExponential(1)} nats`}`],
    ["Report, policy", `${column(files.report)}, ${column(files.policy)}`],
    ["Made", `${result.created}, in ${format.number(v.seconds)} s, on ${v.platform}`],
    ["Kernels", v.kernels],
    ["Versions", Object.entries(v.versions).map(([name, version]) => `${name} ${version}`).join(", ")],
    ["Schema", code(result.schema)],
  ]); // prettier-ignore
  const flags = Object.entries(v.flags);
  const columns = [
    { head: "Flag", words: true, cell: ([name]) => code(name) },
    { head: "Value", words: true, cell: ([, value]) => flag(value) },
  ];
  return section(
    "provenance", "Provenance and definitions", source,
    flags.length ? table("Flags", columns, flags, { limit: 60 }) : p("No flag was given."),
    h3("Definitions"), result.definitions.length ? facts(result.definitions.map((d) => [d.term, d.meaning])) : p("The result carries no definition."),
    note("Rows are numbered from 0, in the order of the file. The same numbers, unrounded, stand in this file as JSON: ", code("document.getElementById(\"xent-result\").textContent"), "."),
  ); // prettier-ignore
}
