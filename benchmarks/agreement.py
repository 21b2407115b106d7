"""Do xent's calibration and decisions agree with the peers that define the same thing, and who is right where not?

Every line of the table is a claim, checked by computing; the exit code is 1 where one does not hold. Its verdict is

- ``agrees``: no number differs by more than the tolerance, 1e-10 unless said;
- ``less exact``: ours is the truth (in 40 digits, or a closed form) to the tolerance, the peer's to its own;
- ``ours is right``: ours is the truth to the tolerance, the peer's is not, for the reason below the table;
- ``other definition``: the peer's number is another one, which a formula makes of ours or of the same rows.

``difference`` is the largest between ours and the peer's, ``ours off`` and ``peer off`` the largest from the truth;
where the definition is another, ``formula off`` is the largest between the peer's and what the formula makes. Rows are
simulated, edge cases, and the two CIFAR networks of ../shared/data where those are. Peers that are not installed are
left out: ``pip install '.[peers]'``.

python benchmarks/agreement.py [words in names of quantities or peers …]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import warnings

# Loaded, they register their claims.
import _claims_of_calibrators  # noqa: F401
import _claims_of_decisions  # noqa: F401
import _claims_of_metrics  # noqa: F401
from _claims import CLAIMS, DATA
from _timing import print_table, write_json


def main() -> None:
    """Check the claims, print them as a table, and write them down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="only claims whose quantity or peer has one of these words")
    words = parser.parse_args().words
    warnings.simplefilter("ignore")
    rows, left_out, broken = [], set(), []
    for claim in CLAIMS:
        if words and not any(word.lower() in f"{claim.quantity} {claim.peer}".lower() for word in words):
            continue
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                rows.append(claim.check())
        except ImportError as problem:
            left_out.add(f"{claim.peer} ({problem})")
        except Exception as problem:  # a peer that has changed; the others can still be compared
            broken.append(f"{claim.quantity}, {claim.peer}: {type(problem).__name__}: {problem}")
    if not DATA.is_dir():
        left_out.add(f"the CIFAR networks ({DATA} is not here)")
    for each in sorted(left_out):
        print(f"left out: {each}", file=sys.stderr)
    if not rows:
        sys.exit("no claim was checked")
    print_table([{key: value for key, value in row.items() if key != "why"} for row in rows])
    print()
    for row in rows:
        if row["why"]:
            print(f"{row['quantity']}, {row['peer']}: {row['verdict']}: {row['why']}.")
    print(write_json("agreement", rows, left_out=sorted(left_out)))
    for each in broken:
        print(f"failed: {each}", file=sys.stderr)
    if broken or any(row["holds"] != "yes" for row in rows):
        sys.exit("a claim does not hold")


if __name__ == "__main__":
    main()
