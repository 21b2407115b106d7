"""How often does a threshold miss its goal on new rows: the empirical choice, and the one with a guarantee?

The law is known: positives (30 % of the rows) score U^(1/8) and negatives U, U uniform on [0, 1]; or these rounded down
to steps of 0.05, which tie. So whether a threshold misses is computed, not measured. A row of the table: ``misses`` is
the share of draws of the n rows whose threshold misses the goal under the law; ``found`` the share with a threshold;
``flags`` the mean share of the positives that are flagged, 0 where there is no threshold. ``labels`` above 1:
independent labels at once, a miss being that of any; ``found`` and ``flags`` are then of all of them.
"""

from __future__ import annotations

import argparse
import math

import numpy as np
from _timing import print_table, write_json

from xent.decisions.operating_points import operating_points

PRIOR = 0.3
CONFIDENCE = 0.95
ERRORS = [[0.0, 1.0], [1.0, 0.0]]
COST = [[0.0, 1.0], [3.0, 0.0]]
GOALS = {
    "recall ≥ 0.95": {"recall": 0.95},
    "fpr ≤ 0.1": {"fpr": 0.1},
    "precision ≥ 0.6": {"precision": 0.6},
    "errors ≤ 0.187": {"cost": ERRORS, "cost_at_most": 0.187},  # the law's least is 0.1864
    "errors ≤ 0.25": {"cost": ERRORS, "cost_at_most": 0.25},
    "cost ≤ 0.4": {"cost": COST, "cost_at_most": 0.4},
}


def law(t: float, ties: bool) -> tuple[float, float]:
    """Return recall and false-positive rate at a threshold."""
    t = min(max(math.ceil(t * 20 - 1e-9) / 20 if ties else t, 0.0), 1.0)
    return 1 - t**8, 1 - t


def misses(goal: dict[str, object], t: float, ties: bool) -> bool:
    recall, fpr = law(t, ties)
    found, mistaken = PRIOR * recall, (1 - PRIOR) * fpr
    if "recall" in goal:
        return recall < goal["recall"] - 1e-12
    if "fpr" in goal:
        return fpr > goal["fpr"] + 1e-12
    if "precision" in goal:
        return found < (goal["precision"] - 1e-12) * (found + mistaken)
    (_, wrong), (missed, _) = goal["cost"]
    return mistaken * wrong + (PRIOR - found) * missed > goal["cost_at_most"] + 1e-12


def simulate(goal: dict[str, object], n: int, ties: bool, labels: int, confidence: float | None, draws: int):
    random = np.random.default_rng([n, ties, labels])
    asked = goal if confidence is not None else {key: goal[key] for key in goal if key != "cost_at_most"}
    missed = found = 0
    flagged = 0.0
    for draw in range(draws):
        y = random.random((n, labels)) < PRIOR
        score = random.random((n, labels)) ** np.where(y, 1 / 8, 1.0)
        score = np.floor(score * 20) / 20 if ties else score
        cuts = operating_points(y, score, **asked, confidence=confidence, seed=draw).cuts
        chosen = [cut.point.threshold for cut in cuts if cut.point.threshold is not None]
        missed += any(misses(goal, t, ties) for t in chosen)
        found += len(chosen)
        flagged += sum(law(t, ties)[0] for t in chosen)
    return {"misses": missed / draws, "found": found / draws / labels, "flags": flagged / draws / labels}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=2000)
    draws = parser.parse_args().draws
    cases = [(n, False, 1) for n in (100, 300, 1000, 3000)] + [(1000, True, 1), (1000, False, 5)]
    rows = []
    for name, goal in GOALS.items():
        for n, ties, labels in cases:
            row = {"goal": name, "rows": n, "ties": ties, "labels": labels}
            for word, confidence in (("empirical", None), ("guaranteed", CONFIDENCE)):
                found = simulate(goal, n, ties, labels, confidence, draws)
                row |= {f"{word} {key}": value for key, value in found.items()}
            rows.append(row)
    print_table(rows)
    noise = 3 * math.sqrt(CONFIDENCE * (1 - CONFIDENCE) / draws)
    print(f"{draws} draws; a promise of {CONFIDENCE:.0%} may miss {1 - CONFIDENCE + noise:.4f} (three standard errors)")
    print(write_json("guarantees", rows, draws=draws, confidence=CONFIDENCE, noise=noise))


if __name__ == "__main__":
    main()
