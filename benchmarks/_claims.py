"""Claims of agreement with peers: how they are made and checked, and the rows that they are made on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from calibration import softmax

Array = np.ndarray
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
#: (ours, the peer's), and the truth or what the formula makes of ours.
Cases = Iterator[tuple[Any, ...]]


@dataclass(frozen=True)
class Claim:
    """What is compared with whom, and what is said of it; ``cases`` yields what is compared."""

    quantity: str
    peer: str
    cases: Callable[[], Cases]
    verdict: str
    why: str
    tolerance: float
    peer_tolerance: float

    def check(self) -> dict[str, Any]:
        """Return the line of the table."""
        apart, ours_off, peer_off, n = 0.0, 0.0, 0.0, 0
        for ours, theirs, *truth in self.cases():
            n += 1
            apart = max(apart, distance(ours, theirs))
            for right in truth:
                ours_off, peer_off = max(ours_off, distance(ours, right)), max(peer_off, distance(theirs, right))
        holds = {
            "agrees": apart <= self.tolerance,
            "less exact": ours_off <= self.tolerance and peer_off <= self.peer_tolerance,
            "ours is right": ours_off <= self.tolerance and peer_off > 10 * self.tolerance,
            "other definition": peer_off <= self.peer_tolerance and apart > 10 * self.peer_tolerance,
        }[self.verdict]
        line = {"quantity": self.quantity, "peer": f"{self.peer} {metadata.version(self.peer)}", "cases": n}
        line |= {"difference": apart, "ours off": ours_off, "peer off": peer_off}
        if self.verdict == "agrees":
            line |= {"ours off": "", "peer off": ""}
        elif self.verdict == "other definition":
            line |= {"ours off": ""}
        return line | {"verdict": self.verdict, "holds": "yes" if holds and n else "NO", "why": self.why}


CLAIMS: list[Claim] = []


def claim(
    quantity: str,
    peer: str,
    verdict: str = "agrees",
    why: str = "",
    *,
    tolerance: float = 1e-10,
    peer_tolerance: float = 1e-10,
) -> Callable[[Callable[[], Cases]], Callable[[], Cases]]:
    """Register a function that yields cases."""

    def register(cases: Callable[[], Cases]) -> Callable[[], Cases]:
        CLAIMS.append(Claim(quantity, peer, cases, verdict, why, tolerance, peer_tolerance))
        return cases

    return register


def distance(a: Any, b: Any) -> float:
    """Return the largest difference of two arrays; equal infinities and NaN are none."""
    a, b = np.broadcast_arrays(np.asarray(a, float), np.asarray(b, float))
    with np.errstate(invalid="ignore"):
        apart = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
    return float(np.where(np.isnan(apart), np.inf, apart).max(initial=0.0))


# --- rows -------------------------------------------------------------------------------------------------------------


def drawn(n: int, n_classes: int, seed: int = 0, factor: float = 2.0) -> tuple[Array, Array]:
    """Return labels and logits that are ``factor`` times too sure."""
    random = np.random.default_rng(seed)
    honest = 1.5 * random.normal(size=(n, n_classes))
    return (honest + random.gumbel(size=honest.shape)).argmax(axis=1), factor * honest


def networks() -> Iterator[tuple[Array, Array]]:
    """Yield labels and float64 probabilities, as stored, of the real networks that are there."""
    for path in sorted(DATA.glob("*-cifar-*.npz")):
        stored = np.load(path)
        yield stored["ground_truth"].reshape(-1).astype(np.int64), stored["predictions"].astype(np.float64)


def tables() -> Iterator[tuple[Array, Array]]:
    """Yield labels and probabilities without ties, none on an edge of a bin; the numbers of rows divide by 150."""
    for seed, (n, n_classes) in enumerate([(1500, 5), (300, 2), (600, 100)]):
        y, z = drawn(n, n_classes, seed)
        yield y, softmax(z)
    yield np.zeros(150, int), softmax(drawn(150, 3)[1])  # one class


def all_tables() -> Iterator[tuple[Array, Array]]:
    """Yield these and the networks', whose rows tie at confidences of 1."""
    yield from tables()
    yield from networks()


def stated(y: Array, p: Array) -> Iterator[tuple[Array, Array]]:
    """Yield (y, p) of two classes: the top label's, and two of the classes'."""
    yield p.argmax(axis=1) == y, p.max(axis=1)
    yield from ((y == k, np.ascontiguousarray(p[:, k])) for k in (0, 1))


def scores(seed: int = 0, n: int = 400) -> tuple[Array, Array]:
    """Return labels and log-odds, twice too sure and off by 0.6."""
    random = np.random.default_rng(seed)
    honest = 1.5 * random.normal(size=n)
    return (random.random(n) < 1 / (1 + np.exp(-honest))).astype(int), 2.0 * honest + 0.6


def sigmoid(m: Array) -> Array:
    return 1 / (1 + np.exp(-np.asarray(m, float)))
