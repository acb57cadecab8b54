"""Streamed populations: patients a second, bytes a patient, resident memory: ``python -m benchmarks.stream``.

Every size is run in a process of its own, whose peak is read. What larger populations take is extrapolated
from the slope between the two largest sizes, and said to be.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZES = (2_000, 10_000)
FAR = 10_000_000


def peak() -> float:
    """Return the peak of resident memory, MB."""
    status = Path("/proc/self/status")
    if status.exists():  # `ru_maxrss` begins with what the parent had when it started this process
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(fields["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def one(name: str, patients: int, observables: int, folder: Path) -> dict[str, float]:
    """Stream one population and say what it took."""
    from stromal.evidence import load_evidence
    from stromal.stream.plan import plan_source
    from stromal.stream.run import stream_source

    evidence = load_evidence()
    source = plan_source(name, evidence)
    source = plan_source(name, evidence, observables=source.observables[:observables])
    wall, cpu = time.perf_counter(), time.process_time()
    stream_source(source, folder, patients)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    return {
        "patients": patients,
        "observables": len(source.observables),
        "wall": wall,
        "cpu": cpu,
        "bytes": size,
        "peak": peak(),
    }


def main() -> None:
    """Run all sizes and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--disease", default="sr-agvhd")
    parser.add_argument("--patients", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--observables", type=int, default=12)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(one(options.disease, options.one, options.observables, Path(folder) / "out")))
        return
    rows = []
    for patients in options.patients:
        command = [sys.executable, "-m", "benchmarks.stream", "--disease", options.disease]
        command += ["--observables", str(options.observables), "--one", str(patients)]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        row = json.loads(out.splitlines()[-1])
        rows.append(row)
        print(
            f"{row['patients']:>9} patients, {row['observables']} observables: {row['wall']:.0f} s "
            f"({row['cpu']:.0f} s of processors), {row['bytes'] / patients:.0f} bytes a patient, "
            f"peak {row['peak']:.0f} MB",
            flush=True,
        )
    if len(rows) > 1:
        a, b = rows[-2:]
        n = b["patients"] - a["patients"]
        slope = {k: (b[k] - a[k]) / n for k in ("cpu", "bytes")}
        print(
            f"extrapolated from the slope to {FAR} patients: {slope['cpu'] * FAR / 3600:.1f} hours of one "
            f"processor, {slope['bytes'] * FAR / 1e9:.1f} GB on disk; "
            f"the peak of memory moved by {b['peak'] - a['peak']:.0f} MB"
        )


if __name__ == "__main__":
    main()
