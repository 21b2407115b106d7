"""The report of an audit: what is in the file, and what a browser makes of it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from xent.audit.report import _SCRIPTS, METHODS, render, verdict

from .sample_result import HOSTILE, KINDS, missing, sample

try:
    from playwright.sync_api import Browser, Page, sync_playwright
except ImportError:
    sync_playwright = None  # type: ignore[assignment]

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
ARGUMENTS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
HEADINGS = [
    "Verdict",
    "Input checks",
    "Findings",
    "Proper scores",
    "Reliability",
    "Most confidently wrong rows",
    "Confusion",
    "Thresholds and decisions",
    "Imbalance",
    "Slices",
    "Unknown inputs",
    "Review questions",
    "Provenance and definitions",
]
DATA = re.compile(r'<script type="application/json" id="xent-result">(.*?)</script>', re.DOTALL)


def data_of(page: str) -> str:
    found = DATA.search(page)
    assert found
    return found[1]


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


# ------------------------------------------------------------------------------------------------------------ the file


@pytest.mark.parametrize("kind", KINDS)
def test_samples_follow_the_schema(kind: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((files("xent.audit") / "schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    errors = list(jsonschema.Draft202012Validator(schema).iter_errors(sample(kind)))
    assert [f"{list(e.absolute_path)}: {e.message}" for e in errors] == []


ESTIMATE = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 9}
CANDIDATE = {"name": "X()", "nll": ESTIMATE, "change": ESTIMATE, "behind": ESTIMATE, "preserves": "x", "chosen": False}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["calibration", "method"], "histogram"),
        (["calibration", "calibrator", "sampled"], "yes"),
        (["calibration", "comparison", "asked"], "histogram"),
        (["calibration", "comparison", "candidates"], []),  # no reason
        (["calibration", "comparison", "candidates", 0], CANDIDATE | {"change": {**missing("x"), "reason": 3}}),
        (["calibration", "comparison", "candidates", 0], CANDIDATE | {"nll": ESTIMATE | {"low": -0.1}}),
        (["thresholds", "confidence"], 1.0),
        (["thresholds", "confidence"], None),  # with assumptions and proofs
        (["thresholds", "assumptions"], None),
        (["thresholds", "per_class", 0, "proven"], None),
        (["thresholds", "per_class", 0, "proven"], False),  # with a threshold
        (["unknowns", "histogram", "edges"], [1.0]),
        (["unknowns", "source", "kind"], "logits"),
        (["unknowns", "tpr_goal"], 1.5),
        (["unknowns"], {}),
        (["scores", "after", "accuracy", "value"], 1.2),
        (["scores", "after", "accuracy"], {"value": None, "low": None, "high": None, "n": 0}),  # no reason
        (["calibration", "temperature"], None),  # no reason
        (["findings", 0, "severity"], "fatal"),
        (["design", "extra"], 1),
        (["source", "sha256"], "abc"),
        (["provenance"], None),
    ],
)
def test_schema_refuses(path: list[Any], value: Any) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((files("xent.audit") / "schema.json").read_text(encoding="utf-8"))
    result = sample("structured")
    jsonschema.validate(result, schema, cls=jsonschema.Draft202012Validator)
    inner: Any = result
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(result, schema, cls=jsonschema.Draft202012Validator)


def test_every_method_of_the_schema_has_its_words() -> None:
    schema = json.loads((files("xent.audit") / "schema.json").read_text(encoding="utf-8"))
    calibration = schema["properties"]["calibration"]["properties"]
    assert list(METHODS) == calibration["method"]["enum"]
    assert calibration["comparison"]["properties"]["asked"]["enum"] == ["auto", *METHODS]


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_come_back_from_the_page_as_they_were(kind: str) -> None:
    result = sample(kind)
    page = render(result)
    assert json.loads(data_of(page)) == result
    assert re.search(r"[<>&\u2028\u2029]", data_of(page)) is None
    assert page.count("</script>") == 2
    assert [tag for tag, _ in Tags(page).tags].count("script") == 2


def test_hostile_file_name_stays_a_name() -> None:
    result = sample()
    result["source"]["name"] = '</title><script>alert("1")</script>{{data}}'
    page = render(result)
    assert [tag for tag, _ in Tags(page).tags].count("script") == 2
    assert "&lt;/title&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;{{data}}</h1>" in page


def test_page_needs_nothing_from_outside() -> None:
    page = render(sample())
    for tag, attributes in Tags(page).tags:
        assert "src" not in attributes, tag
        assert attributes.get("href", "#").startswith("#"), attributes  # type: ignore[union-attr]
    frame = page.replace(data_of(page), "")
    assert set(re.findall(r"https?://[^\s\"'`]+", frame)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(
        r"@import|url\(|fetch\(|XMLHttpRequest|innerHTML|insertAdjacentHTML|document\.write|eval\(", frame
    )
    assert re.search(r"^import ", frame, re.MULTILINE) is None


def test_only_the_page_s_own_script_may_run() -> None:
    page = render(sample())
    script = page.split('<script type="module">')[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in page


def test_page_is_small() -> None:
    page = render(sample())
    assert len(page.encode()) - len(data_of(page).encode()) < 110_000


def test_scripts_import_only_what_stands_before_them() -> None:
    before: set[str] = set()
    for package, name in _SCRIPTS:
        text = (files(package) / name).read_text(encoding="utf-8")
        imported = {Path(path).name for path in re.findall(r'^import .* from "([^"]+)";$', text, re.MULTILINE)}
        assert len(re.findall(r"\bimport\b.*\bfrom\b", text)) == len(re.findall(r"^import .*;$", text, re.MULTILINE))
        assert imported <= before, name
        before.add(name)


def test_a_nan_is_refused() -> None:
    result = sample()
    result["scores"]["baseline"]["nll"] = float("nan")
    with pytest.raises(ValueError, match="JSON compliant"):
        render(result)


def test_verdict_in_one_sentence() -> None:
    words = verdict(sample())
    accuracy = sample()["scores"]["after"]["accuracy"]["value"]
    assert words.startswith(
        f"The model is right on {100 * accuracy:.1f}\u00a0% of 899 scored rows; its loss is 7\u00a0% of"
    )
    assert "overconfident (T = 1.62), and what miscalibration remains is no more than chance would show" in words
    assert words.endswith("1 error and 2 warnings should be settled before it is used.")
    assert verdict(sample("missing")).count("no temperature could be fitted") == 1
    assert verdict(sample("one")).endswith("no error or warning was found.")


def test_verdict_of_a_bad_model() -> None:
    result = sample()
    result["scores"]["after"]["nll"]["value"] = 5.0
    result["calibration"]["after"]["ece"]["p_value"] = 0.004
    result["calibration"]["temperature"] = 0.7
    words = verdict(result)
    assert "its probabilities tell no more than the class shares alone" in words
    assert "underconfident (T = 0.700), and its confidence is still miscalibrated, beyond chance (p = 0.004)" in words
    result["scores"]["after"]["accuracy"] = missing("every row is ignored")
    assert verdict(result).startswith("Nothing could be scored: every row is ignored")


def test_verdict_of_weighted_rows_speaks_of_weight() -> None:
    words = verdict(sample("weighted"))
    assert "% of the weight of 400 scored rows; its weighted loss is" in words
    result = sample()
    result["design"]["score_rows"] = 1
    assert "% of 1 scored row;" in verdict(result)


@pytest.mark.parametrize("how", ["no number", "finding"])
def test_verdict_of_an_infinite_loss(how: str) -> None:
    result = sample()
    if how == "finding":
        result["findings"].append({**result["findings"][0], "code": "XA106"})
    else:
        result["scores"]["after"]["nll"] = missing("some rows gave their label the probability 0: the loss is infinite")
    words = verdict(result)
    assert "its loss is infinite, because some true class got probability 0" in words
    assert "class shares alone" not in words


@pytest.mark.parametrize(
    ("temperature", "text"),
    [(1.6249, "1.62"), (9.999, "10.0"), (0.0012345, "0.00123"), (1234.5, "1230"), (7e86, "7e+86"), (2.5e-9, "2.5e-09")],
)
def test_verdict_writes_a_temperature_in_three_digits(temperature: float, text: str) -> None:
    result = sample()
    result["calibration"]["temperature"] = temperature
    assert f"confident (T = {text})" in verdict(result)


def test_verdict_of_a_fit_that_did_not_converge() -> None:
    result = sample()
    result["calibration"] |= {"temperature": 7.123e86, "converged": False}
    words = verdict(result)
    assert "the fit of its temperature did not converge (it stopped at T = 7.12e+86)" in words
    assert "confident" not in words


@pytest.mark.parametrize("method", [method for method in METHODS if method != "temperature"])
def test_verdict_of_another_calibrator_credits_it_and_not_the_temperature(method: str) -> None:
    result = sample("structured")
    calibration = result["calibration"]
    calibration["method"], name = method, METHODS[method]
    calibration["temperature"], calibration["after"]["ece"]["p_value"] = 1.73, 0.4
    chance = f"after {name} what miscalibration remains is no more than chance would show"
    assert f"before calibration it was overconfident (T = 1.73), and {chance};" in verdict(result)
    calibration["temperature"] = 1.01
    words = verdict(result)
    assert f"neither over- nor underconfident on the whole (T = 1.01), and {chance};" in words
    assert "needed no correction" not in words  # structured scaling may have moved much, and rightly
    calibration["after"]["ece"]["p_value"] = 0.01
    assert f"and after {name} its confidence is still miscalibrated, beyond chance (p = 0.01);" in verdict(result)
    calibration["after"]["ece"]["p_value"] = None
    assert f"(T = 1.01), and {name} calibrates it;" in verdict(result)
    calibration["temperature"] = None
    assert f"no temperature could be fitted, and {name} calibrates it;" in verdict(result)


# --------------------------------------------------------------------------------------------------------- the browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if sync_playwright is None:
        pytest.skip("playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine (set CHROMIUM to its path)")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        launched.close()


class Opened:
    """Opens reports and keeps what went wrong in them."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self.browser, self.folder = browser, folder
        self.troubles: list[str] = []
        self.requests: list[str] = []

    def __call__(self, result: dict[str, Any], width: int = 1280, **options: Any) -> Page:
        path = self.folder / "report.html"
        path.write_text(render(result), encoding="utf-8")
        page = self.browser.new_page(viewport={"width": width, "height": 900}, **options)
        page.on("console", lambda message: self.troubles.append(message.text))
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(path.as_uri())
        if options.get("java_script_enabled", True):
            page.wait_for_selector("html[data-ready]", state="attached")
            page.locator("figure .chart:empty").first.wait_for(state="detached")  # every chart is drawn
        return page


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Opened]:
    opened = Opened(browser, tmp_path)
    yield opened
    for context in browser.contexts:
        context.close()
    assert opened.troubles == []


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("kind", KINDS)
def test_every_part_is_there_and_fits(open_page: Opened, kind: str, width: int) -> None:
    page = open_page(sample(kind), width)
    headings = page.eval_on_selector_all("section > h2", "all => all.map((h) => h.textContent)")
    assert headings == [f"{i} {title}" for i, title in enumerate(HEADINGS, 1)]
    links = page.eval_on_selector_all("#contents a", "all => all.map((a) => document.querySelector(a.hash) !== null)")
    assert links == [True] * 13
    page.eval_on_selector_all("details", "all => all.forEach((d) => (d.open = true))")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert not re.search(r"\d[ \n]%", page.inner_text("main"))  # a number and its % stay on one line
    assert not re.search(r"\b1 (rows|classes|positives)\b", page.evaluate("document.body.textContent"))
    assert open_page.requests == [page.url]
    figures = page.eval_on_selector_all(
        "figure",
        """all => all.map((f) => ({
            label: f.querySelector('svg').getAttribute('aria-label'),
            title: f.querySelector('svg > title').textContent,
            rows: f.querySelectorAll('details tbody tr').length,
            small: [...f.querySelectorAll('svg text')]
                .filter((t) => parseFloat(getComputedStyle(t).fontSize) < 10).length,
            words: f.querySelector('svg').textContent,
        }))""",
    )
    assert len(figures) >= 9
    for figure in figures:
        assert figure["label"] == figure["title"] != ""
        assert figure["rows"] > 0
        assert figure["small"] == 0
        assert not re.search(r"NaN|undefined|null|Infinity", figure["words"]), figure
    assert not re.search(r"\b(NaN|null|undefined|Infinity)\b|\[object", page.inner_text("main"))


def cells(page: Page, caption: str) -> list[list[str]]:
    rows: list[list[str]] = page.evaluate(
        """caption => Array.from(
            [...document.querySelectorAll('table')].find((t) => t.caption.textContent === caption).tBodies[0].rows,
            (row) => Array.from(row.cells, (cell) => cell.textContent))""",
        caption,
    )
    return rows


def short(e: dict[str, Any], digits: int = 3) -> str:
    return f"{e['value']:.{digits}f} [{e['low']:.{digits}f}, {e['high']:.{digits}f}]"


def test_tables_carry_the_numbers_of_the_result(open_page: Opened) -> None:
    result = sample()
    page = open_page(result)
    tiles = page.eval_on_selector_all(".tile .value", "all => all.map((v) => v.textContent)")
    before, after = result["scores"]["before"], result["scores"]["after"]
    assert tiles[0] == "899"
    assert tiles[2] == f"{after['accuracy']['value']:.3f}"
    assert tiles[3] == f"{before['nll']['value']:.3f} → {after['nll']['value']:.3f}"
    assert tiles[5] == "1.625"
    bins = result["calibration"]["after"]["bins"]
    shown = cells(page, "Bins after")
    assert [row[1] for row in shown] == [str(b["n"]) for b in bins]
    assert [row[2] for row in shown] == [f"{b['confidence']:.3f}" for b in bins]
    assert page.locator("figure", has_text="Reliability after").locator("svg .mark").count() == len(bins)
    recalls = {k["name"]: k["recall"] for k in result["per_class"]}
    lowest = sorted(recalls, key=lambda name: (recalls[name]["value"], name))
    assert {row[0]: row[1] for row in cells(page, "Recall of each class")} == {n: short(recalls[n]) for n in lowest}
    assert cells(page, "Recall of each class")[0][0] == lowest[0]
    worst = result["worst_rows"]["rows"]
    assert [int(row[0]) for row in cells(page, "Wrong rows, costliest first")] == [r["row"] for r in worst]
    wrong = {(p["true"], p["predicted"]): p["count"] for p in result["confusion"]["pairs"]}
    for true, predicted, count, _ in cells(page, "Most confused pairs"):
        assert wrong[int(true), int(predicted)] == int(count)
    assert cells(page, "Slices by scanner")[0][2].endswith("]")
    assert cells(page, "Outcome of the policy")[0][1] == f"{result['thresholds']['decision']['one']:.3f}"


def test_confusion_shows_rows_and_percentages(open_page: Opened) -> None:
    result = sample()
    page = open_page(result)
    figure = page.locator("figure", has_text="Confusion of true and predicted")

    def diagonal() -> list[str]:
        marks: list[str] = figure.locator("svg .mark").evaluate_all(
            "all => all.filter((_, i) => i % 11 === 0).map((m) => m.textContent)"
        )
        return marks

    matrix = result["confusion"]["matrix"]
    assert diagonal() == [str(matrix[i][i]) for i in range(10)]
    figure.get_by_text("% of the true class").click()
    assert [int(v) for v in diagonal()] == pytest.approx(
        [100 * row[i] / sum(row) for i, row in enumerate(matrix)], abs=0.51
    )
    figure.get_by_text("% of the predicted class").click()
    columns = [sum(row[j] for row in matrix) for j in range(10)]
    assert [int(v) for v in diagonal()] == pytest.approx([100 * matrix[i][i] / columns[i] for i in range(10)], abs=0.51)


def test_threshold_curve_of_a_chosen_class(open_page: Opened) -> None:
    result = sample()
    page = open_page(result)
    figure = page.locator("figure", has_text="Recall and precision against the threshold")
    figure.locator("select").select_option(label="9")
    entry = result["thresholds"]["per_class"][9]
    assert f"threshold {entry['threshold']:.3f}" in figure.locator("svg").inner_html()
    assert figure.locator("svg .mark").count() == len(entry["curve"]) == figure.locator("tbody tr").count()
    assert "carry a curve" not in figure.inner_text()


def test_only_classes_with_a_curve_can_be_chosen(open_page: Opened) -> None:
    result = sample("hundred")
    figure = open_page(result).locator("figure", has_text="Recall and precision against the threshold")
    offered = figure.locator("option").all_inner_texts()
    assert sorted(offered) == [t["name"] for t in result["thresholds"]["per_class"] if t["curve"]]
    assert "Only 30 of 100 classes carry a curve" in figure.inner_text()


def test_weighted_rows_are_counted_in_weight(open_page: Opened) -> None:
    result = sample("weighted")
    page = open_page(result)
    tiles = page.eval_on_selector_all(".tile dt", "all => all.map((t) => t.textContent)")
    assert tiles[2:5] == ["Accuracy, weighted", "NLL, nats, weighted", "ECE, weighted"]
    matrix = result["confusion"]["matrix"]
    total = sum(map(sum, matrix))
    block = page.locator(
        "div.table", has=page.locator("caption", has_text="Every class, lowest recall first, weighted")
    )
    heads = block.locator("thead th").all_inner_texts()
    assert heads[:3] == ["Class", "Weight", "Predicted weight"]
    shown = {row[0]: row[1:3] for row in cells(page, "Every class, lowest recall first, weighted")}
    for i, entry in enumerate(result["per_class"]):
        own, predicted = sum(matrix[i]), sum(row[i] for row in matrix)
        assert shown[entry["name"]] == [f"{own:.1f}", f"{predicted:.1f}"]
    # Elks are the fewest and weigh the most: rank and words follow the weight.
    order = sorted(range(4), key=lambda i: sum(matrix[i]))
    names = [result["classes"][i]["name"] for i in order]
    assert names[-1] == "elk"
    assert [row[0] for row in cells(page, "Recall, rarest class first")] == names
    assert f"the most common, elk, has {100 * sum(matrix[3]) / total:.1f}\u00a0%" in page.inner_text("#imbalance")
    assert "rows" not in "".join(page.locator("#imbalance svg, #confusion svg, #reliability svg").all_text_contents())


def test_thresholds_of_a_cross_fit_are_not_said_to_be_judged_themselves(open_page: Opened) -> None:
    words = open_page(sample("cross-fit")).inner_text("#thresholds")
    assert "The threshold shown is the policy's, chosen on all rows" in words
    assert "each half is judged with the temperature and thresholds that the other half chose" in words
    assert "chosen on the fit rows" not in words
    assert "chosen on the fit rows" in open_page(sample()).inner_text("#thresholds")


@pytest.mark.parametrize(("positives", "had"), [(40, "10 of 10 classes had fewer"), (400, "every class had as many")])
def test_no_recall_is_promised(open_page: Opened, positives: int, had: str) -> None:
    result = sample()
    for entry in result["thresholds"]["per_class"]:
        entry["fit_positives"] = positives
    words = open_page(result).inner_text("#thresholds")
    assert f"from 299 fit positives on ({had}), and only by a threshold set lower to be safe" in words
    assert "plain empirical ones, which promise nothing" in words


def test_a_loss_without_a_value_says_why(open_page: Opened) -> None:
    result = sample()
    reason = "some rows gave their label the probability 0: the loss is infinite"
    for when in ("before", "after"):
        result["scores"][when]["nll"] = missing(reason)
    result["scores"]["after"]["accuracy"] |= {"low": None, "high": None, "reason": "in effect one row"}
    tiles = open_page(result).locator(".tile")
    assert reason in tiles.nth(3).inner_text()
    assert "in effect one row" in tiles.nth(2).inner_text()


@pytest.mark.parametrize("width", [390, 1280])
def test_huge_numbers_stay_in_their_chart(open_page: Opened, width: int) -> None:
    result = sample()
    huge = {"value": 1.23e300, "low": 1.1e300, "high": 1.35e300, "n": 899}
    result["scores"]["before"]["nll"] = result["scores"]["after"]["nll"] = huge
    figure = open_page(result, width).locator("figure", has_text="NLL against the class shares alone")
    left, right = figure.locator("svg").evaluate(
        "svg => { const b = svg.getBoundingClientRect(); return [b.left, b.right]; }"
    )
    boxes = figure.locator("svg text").evaluate_all(
        "all => all.map((t) => [t.getBoundingClientRect().left, t.getBoundingClientRect().right, t.textContent])"
    )
    assert any("10³⁰⁰" in text for *_, text in boxes)
    assert [text for a, b, text in boxes if a < left - 1 or b > right + 1] == []


def test_a_narrow_chart_keeps_lines_off_its_words(open_page: Opened) -> None:
    figure = open_page(sample(), 390).locator("figure", has_text="Recall of each class")
    crossed = figure.locator("svg").evaluate(
        """svg => {
            const box = (e) => e.getBoundingClientRect();
            const words = [...svg.querySelectorAll('.mark text')].map(box);
            const lines = [...svg.querySelectorAll(':scope > line')].map(box);
            return [words.length, words.filter((w) => lines.some((l) =>
                l.left > w.left && l.left < w.right && l.top < w.bottom - 2 && l.bottom > w.top + 2)).length];
        }"""
    )
    assert crossed == [20, 0]


@pytest.mark.parametrize(
    ("caption", "head"),
    [("Wrong rows, costliest first", "NLL, nats"), ("Most confused pairs", "Share of the true class")],
)
def test_what_matters_is_in_sight_on_a_phone(open_page: Opened, caption: str, head: str) -> None:
    page = open_page(sample("hundred"), 390)
    block = page.locator("div.table", has=page.locator("caption", has_text=caption))
    box = block.locator("thead th", has_text=head).bounding_box()
    assert box is not None and box["x"] + box["width"] <= 390 - 16


def test_chart_is_read_out_with_the_keyboard(open_page: Opened) -> None:
    result = sample()
    page = open_page(result)
    figure = page.locator("figure", has_text="Reliability after")
    figure.locator("svg").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    second = result["calibration"]["after"]["bins"][1]
    assert f"(mean {second['confidence']:.3f}): accuracy {short(second['accuracy'])}, {second['n']} rows" in (
        figure.locator("output").inner_text()
    )


def test_long_tables_fold_and_sort(open_page: Opened) -> None:
    page = open_page(sample("hundred"))
    caption = "Every class, lowest recall first"
    block = page.locator("div.table", has=page.locator("caption", has_text=caption))
    assert block.locator("tbody tr:visible").count() == 20
    block.get_by_role("button", name="Show all 100").click()
    assert block.locator("tbody tr:visible").count() == 100
    rows = block.get_by_role("button", name="Rows")
    rows.click()
    up = [int(row[1]) for row in cells(page, caption)]
    rows.click()
    down = [int(row[1]) for row in cells(page, caption)]
    assert up == sorted(up) and down == sorted(up, reverse=True) and up[0] < up[-1]


def test_hostile_names_are_text(open_page: Opened) -> None:
    page = open_page(sample("hostile"))
    shown = {row[0] for row in cells(page, "Every class, lowest recall first")}
    assert shown == set(HOSTILE)
    assert page.locator("img").count() == 0
    assert page.locator("main b, main script").count() == 0


def test_what_is_absent_says_why(open_page: Opened) -> None:
    page = open_page(sample("missing"))
    words = page.inner_text("main")
    assert "No temperature was fitted: every fit row is right by a margin" in words
    assert "No slice was given" in words
    assert "No scored row is wrong." in words
    row = next(r for r in cells(page, "Every class, lowest recall first") if r[0] == "never seen")
    assert row[3:] == [
        "— no scored row of this class",
        "— no row predicted as this class",
        "— no scored row of this class",
    ]
    row = next(r for r in cells(page, "Thresholds, lowest recall first") if r[0] == "never seen")
    assert row[1] == "— no fit row of this class"
    assert "No finding:" in open_page(sample("one")).inner_text("#findings")


def test_gate_is_told(open_page: Opened) -> None:
    page = open_page(sample("two"))
    assert "The gate is not passed: 1 of 2 conditions failed." in page.inner_text("#verdict")
    assert [row[:2] for row in cells(page, "The gate's conditions")] == [
        ["ece <= 0.05", "passed"],
        ["accuracy >= 0.999", "failed"],
    ]
    result = sample("two")
    result["gate"] = {"conditions": [{"condition": "error", "passed": False, "value": 1}], "passed": False}
    page = open_page(result)
    assert cells(page, "The gate's conditions") == [["error", "failed", "1"]]


def test_cross_fit_names_both_temperatures(open_page: Opened) -> None:
    result = sample("cross-fit")
    shown = cells(open_page(result), "The temperature of each half")
    assert [row[1] for row in shown] == [f"{f['temperature']:.3f}" for f in result["calibration"]["fits"]]


def test_the_page_names_what_calibrates(open_page: Opened) -> None:
    result = sample()
    for method, name in METHODS.items():
        result["calibration"]["method"] = method
        page = open_page(result)
        assert f"Before and after refer to {name};" in page.inner_text("#scores")
        assert page.locator("caption", has_text=f"Scores before and after {name}").count() == 1
        assert ("is divided by T" in page.inner_text("#reliability")) == (method == "temperature")
        assert ("told only" in page.inner_text("#verdict")) == (method != "temperature")
        page.close()


def test_another_calibrator_may_change_the_accuracy(open_page: Opened) -> None:
    result = sample("structured")
    result["scores"]["before"]["accuracy"]["value"] = 0.9123
    after = result["scores"]["after"]["accuracy"]["value"]
    assert open_page(result).locator(".tile .value").nth(2).inner_text() == f"0.912 → {after:.3f}"


def test_temperature_of_another_calibrator_is_told_and_not_used(open_page: Opened) -> None:
    result = sample("structured")
    words = open_page(result).inner_text("#reliability")
    assert (
        "T = 1.725 (standard error 0.046) is told, not used: the scores “after” come from structured scaling." in words
    )
    assert "it says that the model as it came was, on the whole, overconfident." in words
    result["calibration"]["temperature"] = 0.95  # with a standard error of 0.046
    assert "neither over- nor underconfident beyond chance." in open_page(result).inner_text("#reliability")
    result["calibration"] |= {"temperature": None, "reason": "no row with weight"}
    words = open_page(result).inner_text("#reliability")
    assert (
        "No temperature was fitted: no row with weight. The scores “after” do without: they come from struct" in words
    )
    result = sample("cross-fit")
    result["calibration"]["method"] = "vector"
    page = open_page(result)
    assert "these are of each alone, told only as well." in page.inner_text("#reliability")
    assert "Each half is scored with one that the other half taught." in page.inner_text("#reliability")
    assert "each half is judged with the calibrator and thresholds that the other half chose" in page.inner_text("main")


def test_calibrators_are_compared(open_page: Opened) -> None:
    result = sample("structured")
    page = open_page(result)
    own = page.inner_text("#reliability")
    assert "The scores “after” come from StructuredScaling(form='matrix', intercept=None), learnt from 898 rows" in own
    assert "898 rows, a random sample of those that may be learnt from. It preserves" in own
    assert "It preserves no order within a row, so the accuracy may change." in own
    assert (
        "the default for so many classes and rows stays unless another is better beyond the 95\u00a0% interval" in own
    )
    assert "never ECE" in own and "least of several estimates is a little too low" in own
    figure = page.locator("figure", has_text="Change of the log loss by each calibrator")
    candidates = result["calibration"]["comparison"]["candidates"]
    shown = cells(page, "Calibrators compared, best first")
    assert [row[0].removesuffix(" used") for row in shown] == [c["name"].split("(")[0] for c in candidates]
    assert [row[0] for row in shown if row[0].endswith(" used")] == ["StructuredScaling used"]
    for row, candidate in zip(shown[:3], candidates[:3], strict=True):
        assert row[1] == f"{candidate['nll']['value']:.3f}"
        assert row[2] == short(candidate["change"]).replace("-", "−")
    assert shown[3][1:4] == ["— it wants a row of each class in every fold; got 4 of class 2", "—", "—"]
    names = figure.locator("svg .mark text:first-of-type").all_text_contents()
    assert names == ["✓ StructuredScaling", "EnsembleTemperature", "TemperatureScaling", "VectorScaling"]
    # The dashed line of "as it came" stands at 0, right of every disc: each of these calibrators lowers the loss.
    zero = figure.locator("svg line[stroke-dasharray]").bounding_box()
    discs = figure.locator("svg circle").evaluate_all("all => all.map((c) => c.getBoundingClientRect().right)")
    assert zero is not None and len(discs) == 3 and discs == sorted(discs) and discs[-1] < zero["x"]
    assert "as it came" in figure.locator("svg").text_content()


def test_calibrators_of_one_kind_keep_their_parameters(open_page: Opened) -> None:
    result = sample("structured")
    candidates = result["calibration"]["comparison"]["candidates"]
    candidates[1]["name"] = "StructuredScaling(form='vector', intercept=None)"
    shown = cells(open_page(result), "Calibrators compared, best first")
    assert shown[0][0] == f"{candidates[0]['name']} used"
    assert [row[0] for row in shown[1:]] == [candidates[1]["name"], "TemperatureScaling", "VectorScaling"]


def test_a_comparison_that_chose_nothing_says_so(open_page: Opened) -> None:
    words = open_page(sample()).inner_text("#reliability")
    assert "It chose nothing here: the audit was set to temperature scaling." in words
    words = open_page(sample("missing")).inner_text("#reliability")
    assert "Calibrators were not compared: 30 rows are too few for 5 folds." in words


def test_thresholds_with_a_confidence_promise_and_say_for_which_classes_not(open_page: Opened) -> None:
    result = sample("structured")
    page = open_page(result)
    words = page.inner_text("#thresholds")
    assert (
        "With at least 95\u00a0% probability over the draw of the rows that choose, all 7 thresholds given keep "
        "a recall of at least 0.95 on new rows."
    ) in words
    assert f"Assumed: {result['thresholds']['assumptions']}" in words
    assert "A proof takes at least 104 fit positives of a class, corrected for asking 10 classes at once." in words
    assert "3 of 10 classes have no proof and therefore no threshold: the policy never flags them." in words
    assert "promise nothing" not in words and "aims at" not in words
    lacking = [t for t in result["thresholds"]["per_class"] if not t["proven"]]
    assert cells(page, "Classes without a proof") == [
        [t["name"], str(t["fit_positives"]), "104", t["reason"]] for t in lacking
    ]
    positives = {t["name"]: t["fit_positives"] for t in result["thresholds"]["per_class"]}
    assert {row[0]: int(row[1]) for row in cells(page, "Fit positives and proofs")} == positives
    # A bar is hollow where there is no proof, and crosses the line of what is needed where there is one.
    figure = page.locator("figure", has_text="Fit positives of each class and what a proof takes")
    ends, line = figure.locator("svg").evaluate(
        """svg => [[...svg.querySelectorAll('.mark rect:not(.hit)')].map((r) =>
            [r.getAttribute('fill') === 'var(--paper)', r.getBoundingClientRect().right]),
            svg.querySelector('line[stroke-dasharray]').getBoundingClientRect().left]"""
    )
    assert [hollow for hollow, _ in ends] == [True] * 3 + [False] * 7
    assert [right < line for _, right in ends] == [True] * 3 + [False] * 7


@pytest.mark.parametrize(
    ("proven", "promise"),
    [
        (0, "For no class could a recall of at least 0.95 be proven with 95\u00a0% confidence, so no threshold"),
        (1, "that choose, the one threshold given keeps a recall of at least 0.95 on new rows."),
        (10, "that choose, all thresholds keep a recall of at least 0.95 on new rows."),
    ],
)
def test_the_promise_is_of_the_classes_with_a_proof(open_page: Opened, proven: int, promise: str) -> None:
    result = sample("structured")
    for number, entry in enumerate(result["thresholds"]["per_class"]):
        entry["proven"] = number < proven
        if not entry["proven"]:
            entry |= {"threshold": None, "flagged_share": None, "reason": "too few rows"}
    words = open_page(result).inner_text("#thresholds")
    assert promise in words
    assert ("Every class has its proof." in words) == (proven == 10)
    assert ("no proof and therefore no threshold" in words) == (0 < proven < 10)


def test_precisions_with_a_confidence_need_flagged_rows(open_page: Opened) -> None:
    words = open_page(sample("proven")).inner_text("#thresholds")
    assert "that choose, all thresholds keep a precision of at least 0.9 on new rows." in words
    needs = "A proof takes at least 36 flagged rows (at or above a class's threshold), corrected for asking 2 classes"
    assert needs in words
    assert "fit positives of a class" not in words


def test_a_promise_rests_on_rows_that_did_not_teach_the_calibrator(open_page: Opened) -> None:
    result = sample("structured")
    assert "chosen on the fit rows that did not teach the calibrator;" in open_page(result).inner_text("#thresholds")
    result["design"]["mode"] = "cross-fit"
    said = "The threshold shown is the policy's, chosen on all rows that did not teach the calibrator, so no row"
    assert said in open_page(result).inner_text("#thresholds")
    result["thresholds"]["confidence"] = None
    assert "the policy's, chosen on all rows, so no row" in open_page(result).inner_text("#thresholds")


def test_without_a_confidence_the_table_shows_what_a_promise_would_need(open_page: Opened) -> None:
    result = sample()
    page = open_page(result)
    heads = page.locator("div.table", has=page.locator("caption", has_text="Thresholds, lowest recall first"))
    assert heads.locator("thead th").all_inner_texts()[-2:] == ["Fit positives", "Needed to promise"]
    positives = {t["name"]: str(t["fit_positives"]) for t in result["thresholds"]["per_class"]}
    rows = cells(page, "Thresholds, lowest recall first")
    assert {row[0]: row[-2:] for row in rows} == {name: [n, "299"] for name, n in positives.items()}


def test_unknown_inputs_beside_the_known(open_page: Opened) -> None:
    result = sample("structured")
    unknowns = result["unknowns"]
    page = open_page(result)
    words = page.inner_text("#unknowns")
    assert unknowns["sentence"] in words
    assert words.count("higher means more like the known rows") == 1
    shown = cells(page, "Scores, highest AUROC first")
    assert [row[:3] for row in shown] == [
        [s["name"].replace("_", " "), short(s["auroc"]), short(s["fpr"])] for s in unknowns["scores"]
    ]
    assert [row[3:] for row in shown] == [[f"{s['aupr_in']:.3f}", f"{s['aupr_out']:.3f}"] for s in unknowns["scores"]]
    assert [row[3] for row in cells(page, "Thresholds of the scores")] == [short(s["tpr"]) for s in unknowns["scores"]]
    histogram = unknowns["histogram"]
    table = cells(page, "Shares of the rows by energy")
    assert [row[3] for row in table] == [
        f"{100 * v:.1f}\u00a0%" if v == 0 or v > 5e-4 else "< 0.1\u00a0%" for v in histogram["unknown"]
    ]
    figure = page.locator("figure", has_text="Known and unknown rows by energy")
    figure.locator("svg").focus()
    page.keyboard.press("ArrowRight")
    first = f"energy {histogram['edges'][0]:.3f} to {histogram['edges'][1]:.3f}: {table[0][2]} of the known rows, "
    assert figure.locator("output").inner_text() == f"{first}{table[0][3]} of the unknown rows"
    assert "letters.npz (npz, 52,992 bytes)" in page.inner_text("#provenance")


def test_the_two_histograms_are_drawn_to_scale(open_page: Opened) -> None:
    result = sample("structured")
    histogram = result["unknowns"]["histogram"]
    figure = open_page(result).locator("figure", has_text="Known and unknown rows by energy")
    paths = figure.locator("svg path").evaluate_all("all => all.map((p) => p.getAttribute('d'))")
    ground, steps = 0.0, []
    for drawn, shares in zip(paths, (histogram["known"], histogram["unknown"]), strict=True):
        points = [tuple(map(float, part.split())) for part in re.split("[ML]", drawn) if part]
        ground = points[0][1]
        tops = [ground - y for _, y in points[1:-1:2]]
        steps.append(max(tops) / max(shares))
        assert tops == pytest.approx([steps[-1] * share for share in shares], abs=0.11)  # written to 0.1 px
    assert steps[0] == pytest.approx(steps[1], rel=0.01)  # one scale for both
    # The threshold stands where it is on the axis.
    x = [points[0][0], points[-1][0]]
    at = float(figure.locator("svg line[stroke='var(--ink)']").get_attribute("x1") or "nan")
    low, high = histogram["edges"][0], histogram["edges"][-1]
    share = (result["unknowns"]["scores"][0]["threshold"] - low) / (high - low)
    assert result["unknowns"]["scores"][0]["name"] == "energy"
    assert at == pytest.approx(x[0] + share * (x[1] - x[0]), abs=0.2)


@pytest.mark.parametrize("threshold", [-31.25, 18.2, 71.5])
@pytest.mark.parametrize("width", [360, 1280])
def test_a_threshold_anywhere_stays_in_its_chart(open_page: Opened, threshold: float, width: int) -> None:
    result = sample("structured")
    result["unknowns"]["scores"][0]["threshold"] = threshold
    figure = open_page(result, width).locator("figure", has_text="Known and unknown rows by energy")
    assert f"accepted from {threshold:.2f}".replace("-", "−") in (figure.locator("svg").text_content() or "")
    inside = figure.locator("svg").evaluate(
        """svg => { const b = svg.getBoundingClientRect();
            return [...svg.querySelectorAll('text, line, path')].map((e) => e.getBoundingClientRect())
                .every((e) => e.left > b.left - 1 && e.right < b.right + 1); }"""
    )
    assert inside


def test_without_unknown_inputs_the_section_says_how_to_give_them(open_page: Opened) -> None:
    page = open_page(sample())
    assert "No file of unknown inputs was given" in page.inner_text("#unknowns")
    assert "xent audit FILE --unknowns FILE" in page.inner_text("#unknowns")
    assert page.locator("#unknowns figure").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_histograms_stand_out_from_the_page(open_page: Opened, scheme: Any) -> None:
    page = open_page(sample("structured"), color_scheme=scheme)
    ground = luminance(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    strokes = page.locator("#unknowns figure svg path").evaluate_all(
        "all => all.map((p) => getComputedStyle(p).stroke)"
    )
    assert len(set(strokes)) == 2
    for colour in strokes:
        light, dark = sorted([luminance(colour), ground], reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 3
    # Not by colour alone: one is filled, the other an outline.
    fills = page.locator("#unknowns figure svg path").evaluate_all("all => all.map((p) => getComputedStyle(p).fill)")
    assert [fill == "none" for fill in fills] == [False, True]


def luminance(colour: str) -> float:
    parts = [float(v) / 255 for v in re.findall(r"[\d.]+", colour)[:3]]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(open_page: Opened, scheme: Any) -> None:
    page = open_page(sample(), color_scheme=scheme)
    ground = luminance(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert (ground > 0.5) == (scheme == "light")
    colours = page.evaluate(
        """() => Object.fromEntries(['body', '.verdict', '.note', '.under', 'td', 'main a', '.status.error',
            '.status.warning', '.status.ok', '.absent', 'figcaption p', '#contents a', '.kicker', 'svg text'].map((s) =>
            [s, getComputedStyle(document.querySelector(s))[s === 'svg text' ? 'fill' : 'color']]))"""
    )
    ratios = {}
    for selector, colour in colours.items():
        light, dark = sorted([luminance(colour), ground], reverse=True)
        ratios[selector] = (light + 0.05) / (dark + 0.05)
    assert {s: round(r, 2) for s, r in ratios.items() if r < 4.5} == {}


def test_theme_can_be_turned(open_page: Opened) -> None:
    page = open_page(sample(), color_scheme="light")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Dark page").click()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert luminance(dark) < 0.05 < luminance(light)
    page.get_by_role("button", name="Light page").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == light


def test_on_paper_everything_is_open_and_light(open_page: Opened) -> None:
    page = open_page(sample("hundred"), color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    page.locator("main details:not([open])").first.wait_for(state="detached")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    block = page.locator("div.table", has=page.locator("caption", has_text="Every class, lowest recall first"))
    assert block.locator("tbody tr:visible").count() == 60
    assert "40 more rows on screen." in block.inner_text()
    assert page.locator("#contents").is_hidden()
    assert page.locator("figure svg").first.is_visible()
    page.emulate_media(media="screen")
    page.locator("main details[open]").first.wait_for(state="detached")
    assert "more rows on screen" not in block.inner_text()


def test_without_javascript_the_verdict_stands_in_words(open_page: Opened) -> None:
    page = open_page(sample(), java_script_enabled=False)
    words = page.inner_text("main")
    assert verdict(sample()) in words
    assert f"Accuracy after calibration\t{short(sample()['scores']['after']['accuracy'])}" in words
    assert "error XA301: Too few positives to promise the recall goal." in words
    assert "Calibrated by\ttemperature scaling\nTemperature\t1.625" in words
    result = sample("structured")
    words = open_page(result, java_script_enabled=False).inner_text("main")
    assert "Calibrated by\tstructured scaling\nTemperature, told only\t1.725" in words
    assert "Thresholds with a recall of 0.95 proven with 95\u00a0% confidence\t7 of 10 classes" in words
    auroc = result["unknowns"]["scores"][0]["auroc"]
    assert f"AUROC of energy, known from unknown rows\t{short(auroc)}" in words


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ("count(1797)", "1,797"),
        ("count(450.25)", "450.3"),
        ("count(null)", "—"),
        ("number(0.16834)", "0.168"),
        ("number(12.345)", "12.35"),
        ("number(-3.1e-11)", "−3.1 × 10⁻¹¹"),
        ("number(0)", "0.000"),
        ("share(0.99996)", "0.99996"),
        ("share(1)", "1.000"),
        ("share(0.00002)", "0.00002"),
        ("percent(0.99999)", "> 99.9\u00a0%"),
        ("count(3e20)", "3.0 × 10²⁰"),
        ("count(0.004)", "4.0 × 10⁻³"),
        ("plural(1, 'row')", "1 row"),
        ("estimate({value: 0.9511, low: 0.93, high: 0.967, n: 450})", "0.951 [0.930, 0.967]"),
        ("estimate({value: 0.95123, low: 0.9502, high: 0.9522, n: 9e5})", "0.9512 [0.9502, 0.9522]"),
        ("estimate({value: null, n: 0, reason: 'none'})", "—"),
    ],
)
def test_numbers_as_text(browser: Browser, call: str, text: str) -> None:
    module = base64.b64encode((files("xent.explorer") / "charts.js").read_bytes()).decode()
    page = browser.new_page()
    assert page.evaluate(f"import('data:text/javascript;base64,{module}').then((m) => m.format.{call})") == text
    page.close()
