"""How long does an audit of 1,000,000 × 100 float32 logits take, beside reading the file alone? Does memory grow?

The file is Parquet (list column, uncompressed, no dictionary). Each audit runs in a process of its own, whose peak
memory the kernel reports; reading alone decodes the same columns batch by batch. Seconds differ from machine to
machine: the ratio is the figure.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from _timing import copy_bandwidth, print_table, write_json

CLASSES = 100

# The peak of this process's own memory: getrusage would carry over that of the parent.
PEAK = """
def peak():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
"""

READ = (
    PEAK
    + """
import sys, time
import pyarrow.parquet as pq
started = time.perf_counter()
file = pq.ParquetFile(sys.argv[1])
rows = sum(batch.num_rows for batch in file.iter_batches(batch_size=40_000))
print(time.perf_counter() - started, peak())
"""
)

AUDIT = (
    PEAK
    + """
import sys, time
from pathlib import Path
from xent.audit import Options, audit
from xent.audit.readers import Columns, open_table
started = time.perf_counter()
outcome = audit(open_table(Path(sys.argv[1]), Columns(split="split")), Options())
outcome.write(Path(sys.argv[2]))
print(time.perf_counter() - started, peak())
"""
)


def write_predictions(path: Path, rows: int) -> None:
    """Write calibrated-looking logits that are twice too sharp, in row groups of 50,000."""
    random = np.random.default_rng(0)
    schema = pa.schema(
        [
            ("logits", pa.list_(pa.float32(), CLASSES)),
            ("label", pa.int64()),
            ("split", pa.dictionary(pa.int8(), pa.string())),
        ]
    )
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=["split"]) as writer:
        for _ in range(0, rows, 50_000):
            n = min(rows, 50_000)
            logits = random.standard_normal((n, CLASSES), dtype=np.float32)
            label = (logits + random.gumbel(size=(n, CLASSES))).argmax(axis=1)
            split = np.where(random.random(n) < 0.5, "calibration", "test")
            columns = [
                pa.FixedSizeListArray.from_arrays(pa.array((2 * logits).ravel()), CLASSES),
                pa.array(label),
                pa.array(split).dictionary_encode().cast(schema.field("split").type),
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def run(program: str, *arguments: Path) -> tuple[float, float]:
    """Return seconds and peak megabytes of a program in a process of its own."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    seconds, megabytes = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(seconds), float(megabytes)


def main(rounds: int = 5) -> None:
    rows = []
    bandwidth = copy_bandwidth()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        for n in (300_000, 1_000_000, 3_000_000):
            path = Path(folder) / f"{n}.parquet"
            write_predictions(path, n)
            pairs = [(run(READ, path), run(AUDIT, path, out)) for _ in range(rounds)]
            read_seconds = statistics.median(read[0] for read, _ in pairs)
            result = (out / "report.html").stat().st_size
            rows.append(
                {
                    "rows": n,
                    "file MB": path.stat().st_size / 1e6,
                    "read s": read_seconds,
                    "audit s": statistics.median(audit[0] for _, audit in pairs),
                    "audit / read": statistics.median(audit[0] / read[0] for read, audit in pairs),
                    "read / copy": read_seconds / (2 * path.stat().st_size / bandwidth),
                    "read peak MB": max(read[1] for read, _ in pairs),
                    "audit peak MB": max(audit[1] for _, audit in pairs),
                    "report kB": result / 1e3,
                }
            )
    print_table(rows)
    print(f"\ncopy bandwidth {bandwidth / 1e9:.1f} GB/s, one thread")
    print(write_json("audit", rows, copy_bandwidth=bandwidth))


if __name__ == "__main__":
    main()
