"""Resident memory is that of a chunk, however many patients there are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import stromal

RUN = """
import sys
from pathlib import Path
from small_population import small_source
from stromal.stream.run import stream_source
home, patients = Path(sys.argv[1]), int(sys.argv[2])
twelve = "\\n".join(f'more{i} = "count T in target"' for i in range(9))
source = small_source(home, disease={'drug = "level drug"': 'drug = "level drug"\\n' + twelve})
assert len(source.observables) == 12
stream_source(source, home / "out", patients, chunk=1000, threads=2)
# ru_maxrss would be that of the parent, which a process takes over when it starts
(line,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(int(line.split()[1]) / 1024)
"""


def peak(home: Path, patients: int) -> float:
    path = os.pathsep.join([str(Path(stromal.__file__).parents[1]), str(Path(__file__).parents[1])])
    command = [sys.executable, "-c", RUN, str(home), str(patients)]
    out = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, check=True, capture_output=True)
    return float(out.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems count in other units")
@pytest.mark.parametrize(
    "patients", [20_000, pytest.param(100_000, marks=pytest.mark.verification)], ids=["20000", "100000"]
)
def test_memory_does_not_grow_with_patients(patients: int, tmp_path: Path) -> None:
    few, many = peak(tmp_path / "few", 2_000), peak(tmp_path / "many", patients)
    assert many < 500 and many - few < 25, f"{few:.0f} MB, then {many:.0f} MB"
