import { el } from "./parts.js";
import { findingsSection, inputSection, provenanceSection, reviewSection, scoresSection, verdictCard } from "./words.js";
import { reliabilitySection } from "./reliability.js";
import { confusionSection, imbalanceSection, sliceSection, worstSection } from "./figures.js";
import { thresholdSection, unknownsSection } from "./decisions.js";

// Builds the page from the result that Python wrote into it, in the order of the sections.

const result = JSON.parse(document.getElementById("xent-result").textContent);
const report = document.getElementById("report");

document.getElementById("verdict").append(...verdictCard(result));
const sections = [
  inputSection, findingsSection, scoresSection, reliabilitySection, worstSection, confusionSection,
  thresholdSection, imbalanceSection, sliceSection, unknownsSection, reviewSection, provenanceSection,
]; // prettier-ignore
for (const build of sections) report.append(build(result));

// The sections' numbers, and the contents that lead to them.
const links = [...report.querySelectorAll("section")].map((part, i) => {
  const heading = part.querySelector("h2");
  if (i > 0) heading.prepend(el("span", { class: "number" }, String(i + 1)), " ");
  const [number, title] = [i + 1, heading.lastChild.textContent.trim()];
  return el("li", {}, el("a", { href: `#${part.id}` }, el("span", { class: "number" }, String(number)), " ", title));
});
const contents = el("details", { class: "contents", open: matchMedia("(min-width: 1100px)").matches }, el("summary", {}, "Contents"), el("ol", {}, links));
document.getElementById("contents").append(contents, themeButton());

// The section being read is marked in the contents.
const watch = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      const link = contents.querySelector(`a[href="#${target.id}"]`);
      if (isIntersecting) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  },
  { rootMargin: "-15% 0px -75% 0px" },
);
for (const part of report.querySelectorAll("section")) watch.observe(part);

function themeButton() {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const label = () => (button.textContent = isDark() ? "Light page" : "Dark page");
  const button = el("button", { type: "button", class: "theme", onclick: () => ((root.dataset.theme = isDark() ? "light" : "dark"), label()) });
  system.addEventListener("change", label);
  label();
  return button;
}

// On paper nothing can be unfolded: open every table for the print, and close those again that were closed.
const closed = [];
function unfold() {
  for (const part of report.querySelectorAll("details:not([open])")) {
    part.open = true;
    closed.push(part);
  }
}
function fold() {
  for (const part of closed.splice(0)) part.open = false;
}
addEventListener("beforeprint", unfold);
addEventListener("afterprint", fold);
const paper = matchMedia("print");
paper.addEventListener("change", () => (paper.matches ? unfold() : fold()));
document.documentElement.dataset.ready = "";
