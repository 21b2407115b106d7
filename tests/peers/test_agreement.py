"""The claims of benchmarks/agreement.py about those peers that are light enough to be installed for the tests."""

import math
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
try:
    from _claims import Claim
    from agreement import CLAIMS
finally:
    sys.path.remove(str(BENCHMARKS))

LIGHT = ("scikit-learn", "torchmetrics", "MAPIE", "venn-abers")
CHECKED = [claim for claim in CLAIMS if claim.peer in LIGHT and "40 million" not in claim.quantity]


@pytest.mark.filterwarnings("ignore")  # the peers' own
@pytest.mark.parametrize("claim", CHECKED, ids=lambda claim: f"{claim.quantity}, {claim.peer}")
def test_claim_holds(claim):
    try:
        line = claim.check()
    except ImportError as problem:
        pytest.skip(f"{claim.peer}: {problem}")
    assert line["holds"] == "yes", line


@pytest.mark.parametrize(
    ("verdict", "cases", "holds"),
    [
        ("agrees", [(1.0, 1.0), ([1.0, math.inf], [1.0, math.inf])], "yes"),
        ("agrees", [(1.0, 1.0), (1.0, 1.0 + 1e-9)], "NO"),
        ("agrees", [([1.0, 2.0], [1.0, math.nan])], "NO"),
        ("agrees", [(math.inf, -math.inf)], "NO"),
        ("agrees", [], "NO"),  # nothing was compared
        ("less exact", [(1.0, 1.0 + 1e-9, 1.0)], "NO"),
        ("less exact", [(1.0, 1.0 + 1e-11, 1.0)], "yes"),
        ("ours is right", [(1.0, 1.1, 1.0)], "yes"),
        ("ours is right", [(1.0, 1.1, 1.0), (2.0, 2.0, 2.1)], "NO"),
        ("ours is right", [(1.0, 1.0, 1.0)], "NO"),  # the peer has been mended
        ("other definition", [(1.0, 1.1, 1.1)], "yes"),
        ("other definition", [(1.0, 1.1, 1.2)], "NO"),
        ("other definition", [(1.0, 1.0, 1.0)], "NO"),
    ],
)
def test_a_false_claim_is_seen(verdict, cases, holds):
    assert Claim("it", "scikit-learn", lambda: iter(cases), verdict, "", 1e-10, 1e-10).check()["holds"] == holds
