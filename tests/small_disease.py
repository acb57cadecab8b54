"""A small disease of the small body, as files in a folder: an insult to the organ, a drug, a product."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from small import small_evidence
from small_body import BODY

from stromal.evidence import Evidence

__all__ = ["DISEASE", "MODULE", "TRIAL", "disease_evidence", "write_disease"]

MODULE = """
id = "organ"
title = "An organ and its cells"
about = "Made for a test."
source = "assumed"

[sites]
"T" = ["blood", "target"]
"M" = ["target"]
"E" = ["target"]
"MSC" = ["lung", "target"]

[counts]
"target:T" = "0 cells/uL"
"""

DISEASE = """
id = "small"
title = "A small disease"
weight = "70 kg"
target = "an organ"
modules = ["organ"]
trial = "small-trial"

[[insult]]
name = "burn"
day = 0
scale = {"target:E" = {value = 0.5, spread = 1, between = 1.5, most = 1.0}}

[[insult]]
name = "graft"
day = 1
add = {"blood:T" = {value = "4 cells/uL", spread = 1}}

[[background]]
give = "drug"
amt = "1 relative"
time = 0

[variability.renewal]
select = ["base:E:death"]
between = 1.5

[observables]
damage = "damage"
T = "count T in target"
drug = "level drug"

[enrol]
day = 2

[[enrol.criteria]]
observable = "damage"
least = 0.05
most = 0.9

[[enrol.strata]]
name = "mild"
observable = "damage"
least = 0.0
most = 0.3
share = 0.5

[[enrol.strata]]
name = "severe"
observable = "damage"
least = 0.3
most = 1.0
share = 0.5

[[natural]]
name = "a burn alone heals"
without = ["graft"]
observable = "damage"
day = 60
most = 0.1
share = 0.5
source = "made for a test"

[endpoints.severity]
kind = "measure"
title = "damage as it is seen"
of = "damage"
error = "normal"
error_sd = 0.01
days = [0, 20]
"""

TRIAL = """
id = "small-trial"
title = "MSC against nothing"
disease = "small"
days = 20
n = 4
reference = "control"
primary = "severity"
endpoints = ["severity"]

[[arms]]
name = "control"

[[arms]]
name = "MSC"
[[arms.therapy]]
give = "MSC"
amt = "1e6 cells/kg"
route = "IV"
time = 0
viability = 0.8
"""
_SOURCED = {"status": "assumed", "strength": "assumed", "source": "made for a test", "spread": "3"}


def disease_evidence(folder: Path, **rows: list[dict[str, str]]) -> Evidence:
    """Return tables of the small body with a product that is given into a vein, and further rows."""
    more = {
        "behaviours": [{"cell": "MSC", "behaviour": "death", "base": "0.7"}],
        "routes": [
            {"route": "IV", "what": "cells", "place": place, "share": share, **_SOURCED}
            for place, share in (("lung", "0.9"), ("target", "0.1"))
        ],
    }
    return small_evidence(folder, more | rows, base=BODY)


def write_disease(folder: Path, **changes: Mapping[str, str]) -> Path:
    """Write module, disease and trial; ``disease={"old": "new"}`` replaces a text that must be there.

    Returns
    -------
    Path
        Of the disease; the trial is ``small-trial.toml`` beside it.
    """
    folder.mkdir(exist_ok=True, parents=True)
    for name, text in (("organ", MODULE), ("small", DISEASE), ("small-trial", TRIAL)):
        key = {"organ": "module", "small": "disease", "small-trial": "trial"}[name]
        for old, new in changes.get(key, {}).items():
            assert old in text, old
            text = text.replace(old, new, 1)
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder / "small.toml"
