"""Templates that ``stromal new`` writes; each is valid as it stands, to be tried before it is edited."""
# ruff: noqa: E501 - rows of tables

from __future__ import annotations

__all__ = ["ASSAY", "RULE_FILES"]

_RULES = """\
id,cell,behaviour,signal,via,effect,fold,leak,half_max,unit,hill,group,if_blocked,where,strength_class,refs,status,strength,spread,note
NAME,activated CD4,secretes IFNG,STC1,,decreases,0.5,,5,ng/mL,1,,,,moderate,Author2025,literature,assumed,5,example: replace every cell of this row
"""

_REFERENCES = """\
key,number,first_author,year,title,journal,identifier,confidence,note
Author2025,,Author A,2025,Title of the paper that says so,Journal,doi:10.0000/example,seen,example: replace every cell of this row
"""

_README = """\
NAME: your own rules, laid over the shipped tables.

    stromal validate .                        (in this folder)
    stromal evidence --ref Author2025 --evidence .
    stromal assay coculture --evidence .

rules.csv: one row says how one signal changes one behaviour of one cell.

id              stable, lower-case words joined by hyphens; an id of a shipped rule replaces that rule
cell            whose behaviour changes: a cell, lineage or group          stromal list cells
behaviour       division, death, becomes Th17, secretes IL10, expresses PD-L1, engulfs MSC ...; the cell must have a
                base for it                                                stromal evidence --cell X
signal          IFNG (free)              stromal list mediators
                touch MSC, touch MSC.PD-L1 (what the touched cell carries), near MSC.lactate, self mitochondria
via             the chain in between, MSC:CD274 > T:PDCD1; what can be blocked; may be empty
effect          increases, decreases or requires
fold            at saturation, this rule alone: above 1, or from 0 to below 1; empty for requires
leak            requires only: what is left without the signal, 0 to below 1
half_max, unit  level of the signal at half effect
hill            steepness, 1 or more
group           rules of one pathway in the target share a name: their signals add up
if_blocked      no signal (usual), saturated, or 1
where           limits: species=human, source=adipose
strength_class  weak, moderate or strong, where fold was not measured
refs            keys of references.csv, or numbers of the review; several with ;
status          review, literature or assumed
strength        where the numbers come from: measured, scaled, fitted or assumed
spread          the 90 % interval is value/spread to value*spread; at least 3 where assumed; may be empty
note            anything

references.csv: the papers that your rules cite. Other tables (cells.csv, behaviours.csv, mediators.csv ...) may stand
in this folder too, with the columns of the shipped ones.
"""

RULE_FILES = {"rules.csv": _RULES, "references.csv": _REFERENCES, "README.txt": _README}

ASSAY = """\
# An assay of your own. Try it as it stands, then change it:
#   stromal validate NAME.toml
#   stromal assay NAME.toml

id = "NAME"
title = "T cells beside MSC, three days"
about = "What the bench does, in a sentence or two."
source = "assumed"                       # how this protocol is usually run, with a citation

days = 3.0                               # length
readout_day = 3.0                        # when readouts are taken unless asked otherwise
target = ["CD4.naive"]                   # the cells that the ratio MSC:target counts (stromal list cells)
compare = "proliferation"                # the readout shown first
ratios = ["1:1", "1:10", "1:100"]        # of the default sweep

[well]                                   # a 96-well
volume = "200 uL"
area = "32 mm^2"

[seed]                                   # cells on day 0
"CD4.naive" = "1000 cells/uL"

[medium]                                 # stimuli and mediators added on day 0 (stromal list mediators)
TCR = "1 relative"                       # anti-CD3/CD28, 1 = standard beads
# IL2 = "5 ng/mL"

[defaults]                               # an arm, unless asked otherwise
ratio = "1:10"
# priming = ["IFNG"]
# contact = "transwell"

[readouts]                               # name = phrase
proliferation = "events division of T in last 18 h"
cells = "count T"
treg = "share Treg of CD4"
IFNG = "level IFNG"
msc_ido1 = "expression MSC.IDO1"
"""
