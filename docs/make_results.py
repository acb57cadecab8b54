"""Write the pages of ``docs/results`` from a run of all claims.

    python docs/make_results.py                          run check_claims (100 draws, 20 nulls), then write
    python docs/make_results.py --draws 25 --nulls 2     a smaller run
    python docs/make_results.py --from check.json        take what `stromal check --json` printed
    python docs/make_results.py --stored                 write the pages again from the stored run

Stored are ``run.json`` (what was run, coverage, summary) and ``claims.csv`` (one row a claim). The pages
``scoreboard.md`` and ``failing.md`` are made of these and of ``explanations.csv``, which is written by hand:
one line for each claim that fails or is mixed. Nothing in the pages is typed by hand.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parents[1] / "README.md"
COLUMNS = (
    "id",
    "section",
    "kind",
    "counted",
    "verdict",
    "share",
    "draws",
    "own_paper",
    "assay",
    "origin",
    "says",
)
KINDS = ("direct", "structural", "emergent", "all", "trial")
#: What is explained in a line: everything that does not hold.
EXPLAINED = ("fails", "mixed", "unsolved")
FATES = {
    "experiment": "run as an experiment",
    "graph": "a signed, cited link inside a cell",
    "trial": "asked of virtual patients in a trial",
    "background": "asserts nothing that a model could get wrong",
    "pending": "named, left for later work",
    "unsupported": "needs what the program does not have",
    "unmapped": "forgotten (a test keeps this at none)",
}

Row = Mapping[str, Any]


def main(argv: Sequence[str] | None = None, folder: Path = RESULTS) -> int:
    """Run or read the claims, store them, and write the pages; return 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--draws", type=int, default=100, help="draws of the ensemble")
    parser.add_argument("--nulls", type=int, default=20, help="shuffled models")
    parser.add_argument("--trial-nulls", type=int, default=3, help="shuffled models for claims on trials")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--from", dest="source", type=Path, help="output of `stromal check --json`")
    parser.add_argument("--stored", action="store_true", help="do not run: use what is stored")
    asked = parser.parse_args(argv)
    if not asked.stored:
        run, claims = (
            read(asked.source)
            if asked.source
            else check(asked.draws, asked.nulls, asked.trial_nulls, asked.threads)
        )
        store(run, claims, folder)
    run, claims = load(folder)
    notes = explanations(folder)
    (folder / "scoreboard.md").write_text(scoreboard(run, claims), encoding="utf-8")
    (folder / "failing.md").write_text(failing(claims, notes), encoding="utf-8")
    if folder == RESULTS:
        README.write_text(with_score(README.read_text(encoding="utf-8"), run), encoding="utf-8")
    missing = unexplained(claims, notes)
    if missing:
        sys.stderr.write(f"without a line in {folder / 'explanations.csv'}: {', '.join(missing)}\n")
    return 0


def check(draws: int, nulls: int, trial_nulls: int, threads: int | None) -> tuple[dict[str, Any], list[Row]]:
    """Run all claims."""
    from stromal import __version__, check_claims, load_evidence

    evidence = load_evidence()

    def tell(what: str, done: int, of: int) -> None:
        sys.stderr.write(f"{what} {done}/{of}\n")

    result = check_claims(
        evidence=evidence,
        draws=draws,
        nulls=nulls,
        trial_nulls=trial_nulls,
        threads=threads,
        progress=tell,
    )
    run = {
        "stromal": __version__, "evidence": evidence.digest, "draws": draws,
        "nulls": nulls, "trial_nulls": trial_nulls, "coverage": result.coverage, "summary": result.summary,
    }  # fmt: skip
    return run, result.claims


def read(path: Path) -> tuple[dict[str, Any], list[Row]]:
    """Take the object that ``stromal check --json`` printed."""
    data = json.loads(path.read_text(encoding="utf-8"))
    run = {k: data.get(k) for k in ("stromal", "coverage", "summary")}
    run |= {k: data["inputs"].get(k) for k in ("draws", "nulls", "trial_nulls")}
    return {**run, "evidence": data.get("evidence", "")}, data["claims"]


def store(run: Row, claims: Iterable[Row], folder: Path) -> None:
    """Keep a run as two files that a person can read."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")
    with open(folder / "claims.csv", "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(claims)


def load(folder: Path = RESULTS) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Read the stored run back."""
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    with open(folder / "claims.csv", encoding="utf-8", newline="") as stream:
        return run, list(csv.DictReader(stream))


def explanations(folder: Path = RESULTS) -> dict[str, str]:
    """Return claim to explanation."""
    with open(folder / "explanations.csv", encoding="utf-8", newline="") as stream:
        return {row["claim"]: row["explanation"] for row in csv.DictReader(stream)}


def unexplained(
    claims: Iterable[Row], notes: Mapping[str, str], verdicts: Sequence[str] = EXPLAINED
) -> list[str]:
    """Return the claims that do not hold and have no line of explanation."""
    return [c["id"] for c in claims if c["verdict"] in verdicts and not notes.get(c["id"], "").strip()]


def scoreboard(run: Row, claims: Sequence[Row]) -> str:
    """Return the page with the summary, the coverage, and every claim by section."""
    lines = [
        "# Scoreboard",
        "",
        "Made by `python docs/make_results.py`; not edited by hand. What the words mean is in "
        "[claims](../concepts/claims.md), why claims fail in [failing](failing.md).",
        "",
        f"stromal {run['stromal']}, {run['draws']} draws (at most 40 of trials), "
        + f"{run['nulls'] or 'no'} shuffled models ({run.get('trial_nulls') or 'none'} for claims on trials)"
        + (f", tables `{run['evidence']}`" if run.get("evidence") else "")
        + ".",
        "",
        "## Summary",
        "",
        "Counted claims only. *null*: share of claims that hold in models whose MSC rules were shuffled and "
        "whose potency was set again; *lift*: share that hold here less that, with a 90 % interval over "
        "claims and shuffles. *all* is of the bench; *trial* are claims on virtual patients and mice.",
        "",
    ]  # fmt: skip
    rows = []
    for kind in (k for k in KINDS if k in run["summary"]):
        s = run["summary"][kind]
        lift = "" if s.get("lift") is None else f"{s['lift']:+.2f} ({s['lo']:+.2f} to {s['hi']:+.2f})"
        rows.append(
            [kind, *(s.get(v, 0) for v in ("counted", "holds", "mixed", "fails")), share(s.get("null")), lift]
        )
    lines += table(("kind", "counted", "hold", "mixed", "fail", "null", "lift (90 %)"), rows)
    own = [c for c in claims if c["own_paper"] == "True" and c["counted"] == "True"]
    free = [c for c in claims if c["own_paper"] == "False" and c["counted"] == "True"]
    if own or free:
        lines += [
            "",
            "Of the emergent claims that hold and have rules of their own paper in the model, "
            f"{len(own)} stop holding once those rules are off (marked *own paper*), "
            f"{len(free)} hold without them.",
        ]
    lines += ["", "## Coverage of the review", ""]
    coverage = [[fate, n, FATES.get(fate, "")] for fate, n in run["coverage"].items()]
    lines += table(("fate", "claims", "meaning"), [*coverage, ["all", sum(run["coverage"].values()), ""]])
    for section in sorted({c["section"] for c in claims}, key=lambda s: (s == "", s)):
        title = f"Section {section} of the review" if section else "What a bench expects (not counted)"
        lines += ["", f"## {title}", ""]
        lines += table(
            ("claim", "says", "verdict", "share of draws", "kind"),
            [
                [c["id"], c["says"], verdict(c), share_of(c), kind_of(c)]
                for c in claims
                if c["section"] == section
            ],
        )
    return "\n".join([*lines, ""])


def with_score(page: str, run: Row) -> str:
    """Return the README with the lines of the score made anew from a run."""
    every, some = run["summary"]["all"], run["summary"]["emergent"]
    head, mark, rest = page.partition("<!-- scoreboard -->\n")
    if not mark or every["lift"] is None:
        return page
    lines = (
        f"Of {every['counted']} counted claims on the bench, {every['holds']} hold in at least "
        f"90 % of draws, "
        f"{every['mixed']} are mixed, {every['fails']} fail; "
        f"shuffled models reach\n{every['null']:.0%}. "
        f"For the {some['counted']} emergent ones the lift over shuffled models is {some['lift']:+.2f} "
        f"(90 % interval {some['lo']:+.2f} to {some['hi']:+.2f};\n"
        f"{run['draws']} draws, {run['nulls']} nulls).\n"
    )
    trial = run["summary"].get("trial", {})
    if trial.get("null") is not None:
        lines += (
            f"Of {trial['counted']} on virtual patients and mice {trial['holds']} hold, "
            f"{trial['mixed']} are mixed, "
            f"{trial['fails']} fail; shuffled\n"
            f"models reach {trial['null']:.0%} ({run['trial_nulls']} nulls).\n"
        )
    return head + mark + lines + rest[rest.index("\n[Every claim]") :]


def failing(claims: Sequence[Row], notes: Mapping[str, str]) -> str:
    """Return the page that explains each claim that does not hold."""
    lines = [
        "# Claims that do not hold",
        "",
        "Made by `python docs/make_results.py` from the stored run and `explanations.csv`. No number was "
        "moved to make one of them pass. Figures in the last column are of the run it was written after; "
        "where they differ from the share of draws, the share is right. See one in full with "
        "`stromal check ID`.",
    ]
    for word, title in (("fails", "Fail"), ("unsolved", "Not solved"), ("mixed", "Mixed")):
        some = [c for c in claims if c["verdict"] == word]
        if some:
            lines += ["", f"## {title}", ""]
            lines += table(
                ("claim", "says", "share of draws", "why"),
                [[c["id"] + counted(c), c["says"], share_of(c), notes.get(c["id"], "")] for c in some],
            )
    if any(counted(c) for c in claims if c["verdict"] in EXPLAINED):
        lines += ["", "\\* shown, not counted in the score"]
    return "\n".join([*lines, ""])


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Return the lines of a Markdown table."""
    cells = [[str(c).replace("|", "\\|") for c in row] for row in rows]
    lines = [header, ["---"] * len(header), *cells]
    return ["| " + " | ".join(row) + " |" for row in lines]


def share(value: Any) -> str:
    """Return a share with two digits, empty for none."""
    return "" if value in (None, "") else f"{float(value):.2f}"


def share_of(claim: Row) -> str:
    """Return the share of draws, and for a trial of how many: few may have patients that fall ill."""
    return share(claim["share"]) + (f" of {claim['draws']}" if claim["kind"] == "trial" else "")


def counted(claim: Row) -> str:
    """Return the mark of a claim that is shown but not counted."""
    return "" if claim["counted"] == "True" or claim["origin"] == "bench" else " \\*"


def verdict(claim: Row) -> str:
    """Return the verdict, bold where the claim fails, marked where it is not counted."""
    word = f"**{claim['verdict']}**" if claim["verdict"] in ("fails", "unsolved") else claim["verdict"]
    return word + counted(claim)


def kind_of(claim: Row) -> str:
    """Return the kind, and whether the claim leans on the rules of its own paper."""
    return claim["kind"] + (", own paper" if claim["own_paper"] == "True" else "")


if __name__ == "__main__":
    sys.exit(main())
