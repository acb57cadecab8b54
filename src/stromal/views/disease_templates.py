"""Templates of a disease and a trial; each is valid as it stands, to be tried before it is edited."""
# ruff: noqa: E501 - comments beside values

from __future__ import annotations

__all__ = ["DISEASE", "TRIAL", "fill_trial"]

DISEASE = """\
# A disease of your own: modules of a body, what happens to it, and what is observed. Try it, then change it:
#   stromal validate NAME.toml
#   stromal disease NAME.toml
# Every number that has no source counts as assumed.

id = "NAME"
title = "Barrier injury with an immune response"
about = "What the disease is, in a sentence or two."
source = "assumed"                       # papers that it rests on
species = "human"                        # human or mouse
weight = "70 kg"
clock = "days after the injury"
target = "the organ that is damaged"     # what the place 'target' stands for
modules = ["immune-core", "alloantigen", "barrier"]     # shipped, or NAME.toml of your own beside this file
antigen = "damage"                       # constant, damage or none
# knockout = ["T.FAS"]                   # what the host lacks, as OWNER.NODE (stromal evidence FAS)
# trial = "mine"                         # the trial that 'stromal trial' runs for it

[[insult]]                               # what happens to the body: states are multiplied, then added to
name = "injury"
day = 0
source = "assumed"
scale = { "target:epithelium" = { value = 0.6, spread = 1.3, between = 1.2, most = 0.95 } }
add = { "lymphoid:CD4.naive" = { value = "500 cells/uL", between = 2 }, "lymphoid:CD8.naive" = "400 cells/uL" }

# [[background]]                         # a drug that everybody is given
# give = "steroid"
# amt = "1 relative"
# time = 7

[variability.repair]                     # parameters that differ between patients, all by one factor
select = ["supply:target:epithelium"]
between = 1.2                            # 90 % of patients lie within a factor of 1.2
source = "assumed"

[directions.injury]                      # what calibration may move, together
select = ["insult:injury:lymphoid:*"]
note = "T cells that see the antigen"

[observables]                            # name = phrase
damage = "damage"
effectors = "count effector T in target"
Treg = "count Treg in target"

[enrol]                                  # when and whom a trial takes
day = 14
source = "assumed"

[[enrol.criteria]]
observable = "damage"
least = 0.02

# [[calibration]]                        # rows of control arms; without them the disease is uncalibrated:
# row = "CAL-00"                         # it tells signs, not percentages
# endpoint = "response"
# day = 28
# measure = "share"

[endpoints.grade]                        # read by a rater at visits
kind = "category"
title = "grade of the disease"
categories = ["none", "mild", "severe"]
latent = [{ of = "damage" }]
cuts = [{ value = 0.1, sd = 0.03 }, { value = 0.35, sd = 0.05 }]
rater_sd = 0.05
days = [0, 7, 14, 28]

[endpoints.response]
kind = "response"
title = "overall response, day 28"
of = "grade"
level = "overall"
day = 28

[endpoints.death]
kind = "hazard"
title = "death"
rate = { value = 3e-4, unit = "1/day" }
terms = [{ of = "damage", coefficient = { value = 3, sd = 1 } }]
terminal = true

[endpoints.survival]
kind = "composite"
title = "overall survival"
events = ["death"]
"""

TRIAL = """\
# A trial of your own. Try it as it stands, then change it:
#   stromal validate NAME.toml
#   stromal trial NAME.toml

id = "NAME"
title = "MSC against control"
about = "Design in a sentence: randomised, blinded, how many centres."
refs = []                                # numbers of the review or keys of references.csv
disease = "DISEASE"                      # stromal list diseases, or a TOML file beside this one
days = 180                               # follow-up
n = 50                                   # patients of each arm
reference = "control"                    # the arm that others are compared with
primary = "PRIMARY"
endpoints = [ENDPOINTS]

# [[background]]                         # a drug in every arm
# give = "steroid"
# amt = "1 relative"
# route = "IV"
# days = [0]

[[arms]]
name = "control"

[[arms]]
name = "MSC"
# n = 60                                 # if the arms differ in size
# block = ["PD-L1"]
[[arms.therapy]]                         # docs/reference/therapy.md says all keys
give = "MSC"                             # stromal list products
amt = "2e6 cells/kg"
route = "IV"
ii = 7                                   # days between doses
addl = 3                                 # doses after the first
source = "bone_marrow"

# [[reported]]                           # what the trial reported; predicted is set beside it
# endpoint = "PRIMARY"
# arm = "MSC"
# value = 55
# source = "Author 2025"

[not_stated]                             # what the paper does not say, and what is assumed here
schedule = "weekly, four doses"
"""


def fill_trial(disease: str, primary: str, endpoints: list[str], last: float = 0.0) -> str:
    """Return the template of a trial for a disease and its endpoints, with visits up to day ``last``."""
    names = ", ".join(f'"{name}"' for name in endpoints)
    text = TRIAL.replace("days = 180 ", f"days = {last:g} ") if last > 180 else TRIAL
    return text.replace("DISEASE", disease).replace("PRIMARY", primary).replace("ENDPOINTS", names)
