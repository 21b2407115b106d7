"""XA2xx: probabilities that do not mean what they say."""

from __future__ import annotations

import math
from collections.abc import Iterator

from xent.audit.engine import Audit
from xent.audit.findings.finding import Finding, Json, Rule, percent
from xent.audit.result import REASONS


def miscalibrated(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA201, XA202."""
    method = result["calibration"]["method"]
    scaled = audit.policy_fit.converged or method != "temperature"
    settled = scaled and not _beyond_chance(result["calibration"]["after"]["ece"])
    richer = "look at the reliability diagram and the classes, and at other calibrators (--calibrator auto)."
    mend = "Divide the logits by the fitted temperature" if method == "temperature" else "Calibrate the logits"
    how_after, do_after = "even after temperature scaling", f"One number cannot mend this: {richer}"
    if method != "temperature":
        how_after = f"even after {result['calibration']['calibrator']['name']}"
        do_after = "Calibrate on more rows, like those of deployment; look at the reliability diagram and the classes."
    for code, when, how, do in (
        (
            "XA201",
            "before",
            "as it stands",
            f"{mend}, which settles it: policy.json does."
            if settled
            else f"{mend}: policy.json does."
            if scaled
            else richer.capitalize(),
        ),
        ("XA202", "after", how_after, do_after),
    ):
        part = result["calibration"][when]
        ece = part["ece"]
        if not _beyond_chance(ece):
            continue
        if when == "after" and not scaled:
            continue  # nothing was scaled: the numbers are those of XA201
        yield Finding(
            code,
            "info" if ece["value"] < 0.02 or (when == "before" and settled) else "warning",
            f"Miscalibrated {how}",
            f"ECE {ece['value']:.3f} [{ece['low']:.3f}, {ece['high']:.3f}]; a calibrated model of this size shows at "
            "most "
            f"{ece['null_95']:.3f} in 95 % of samples. The mean confidence is {percent(part['mean_confidence'])}, the "
            f"accuracy {percent(result['scores'][when]['accuracy']['value'])}.",
            "A probability that does not mean what it says makes every threshold and every expected cost wrong.",
            do,
        )


def _beyond_chance(ece: Json) -> bool:
    return ece["low"] is not None and ece["low"] > 0 and ece["p_value"] < 0.05


def temperature_not_converged(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA205."""
    fit = audit.policy_fit
    if fit.reason is None and not fit.converged:
        yield Finding(
            "XA205",
            "error",
            "The temperature did not converge",
            f"After {fit.passes} passes T = {fit.temperature:.3g} still moves; it is no optimum.",
            "Everything after calibration, the policy too, rests on a number that was not found.",
            "Look at the range of the logits: differences beyond 1e150 within a row are beyond float64.",
        )


def no_temperature(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA203."""
    reason = audit.policy_fit.reason
    if reason is not None:
        yield Finding(
            "XA203",
            "warning",
            "No temperature could be fitted",
            f"Of {audit.fit_rows:,} rows: {REASONS[reason]}.",
            "Probabilities are as the model gave them; nothing was calibrated."
            if result["calibration"]["method"] == "temperature"
            else "The calibrator that was asked for starts from a temperature, and there was none.",
            "Calibrate on more rows, of data that the model was not trained on."
            if reason == "separable"
            else "Check that the labels belong to these rows and that the classes are in the order of the scores.",
        )


def calibration_hurts(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA204."""
    change = audit.loss_change.mean()
    if result["calibration"]["method"] != "temperature":
        return
    rows = min(fit.rows for fit in audit.fits)
    # A temperature of n rows of the same population costs χ²/(2n) nats, χ² having one degree of freedom; twice as much
    # in cross-fitting, where the two halves err in opposite directions.
    chance = 3.84 / (2 * rows) * (1 if audit.split else 2) if rows else math.inf
    if change.low > 0 and change.value > max(chance, 1e-3):
        yield Finding(
            "XA204",
            "warning",
            "Temperature scaling made the loss worse",
            f"On the scored rows the NLL rises by {change.value:.4f} [{change.low:.4f}, {change.high:.4f}] nats a row. "
            f"Chance in fitting the temperature on {rows:,} rows explains up to {chance:.4f}.",
            "The rows that the temperature was fitted on and those that are scored do not seem to come from one "
            "population.",
            "Check how the split was made; calibrate on data like that of deployment.",
        )


def better_calibrator(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA206."""
    table = result["calibration"]["comparison"]["candidates"]
    chosen = [candidate for candidate in table if candidate["chosen"]]
    if not chosen or table[0]["chosen"]:
        return
    best, behind = table[0], chosen[0]["behind"]
    if behind["low"] is not None and behind["low"] > 0 and behind["value"] > 1e-3:
        yield Finding(
            "XA206",
            "info",
            "Another calibrator does better",
            f"Cross-validated on {result['calibration']['comparison']['rows']:,} rows that may be learnt from, "
            f"{best['name']} has a log loss {behind['value']:.4f} [{behind['low']:.4f}, {behind['high']:.4f}] nats a "
            f"row below that of {chosen[0]['name']}.",
            f"One map of all classes leaves their biases as they are. {best['name']} preserves {best['preserves']}.",
            "Try --calibrator auto, and compare the scores of rows that chose nothing.",
        )


RULES: tuple[Rule, ...] = (
    miscalibrated,
    temperature_not_converged,
    no_temperature,
    calibration_hurts,
    better_calibrator,
)
