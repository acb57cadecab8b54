"""Claims: each relation on numbers made by hand, and files that say what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stromal.errors import InputError
from stromal.evidence import Evidence
from stromal.inference.claims import Claim, Relation, holds, load_claims, residual

NAN = float("nan")


def judge(
    name: str,
    *values: float | list[float],
    least: float = 0.1,
    bound: float | None = None,
    up_to: float | None = None,
) -> list[bool]:
    arms = tuple(f"arm{i}" for i in range(len(values)))
    columns = {arm: np.atleast_1d(np.asarray(v, float)) for arm, v in zip(arms, values, strict=True)}
    found = holds(Relation(name, arms, least, bound, up_to), columns)
    assert found.dtype == bool and found.shape == columns["arm0"].shape
    return found.tolist()


@pytest.mark.parametrize(
    ("name", "a", "b", "least", "expected"),
    [
        ("less", 89.0, 100.0, 0.1, True),
        ("less", 90.0, 100.0, 0.1, True),
        ("less", 91.0, 100.0, 0.1, False),
        ("less", 100.0, 90.0, 0.1, False),
        ("less", 0.0, 5.0, 0.1, True),
        ("less", 0.0, 0.0, 0.1, False),  # nothing is not less than nothing
        ("less", 50.0, 100.0, 0.5, True),
        ("less", 51.0, 100.0, 0.5, False),
        ("less", 99.9, 100.0, 0.0, True),
        ("less", NAN, 100.0, 0.1, False),
        ("less", 1.0, NAN, 0.1, False),
        ("greater", 111.0, 100.0, 0.1, True),
        ("greater", 109.0, 100.0, 0.1, False),
        ("greater", 5.0, 0.0, 0.1, True),
        ("greater", 0.0, 0.0, 0.1, False),
        ("greater", 1e-12, 0.0, 0.1, False),  # rounding is not more than nothing
        ("greater", 100.1, 100.0, 0.0, True),
        ("greater", NAN, 1.0, 0.1, False),
        ("greater", 1.0, NAN, 0.1, False),
    ],
)
def test_less_and_greater(name: str, a: float, b: float, least: float, expected: bool) -> None:
    assert judge(name, a, b, least=least) == [expected]


@pytest.mark.parametrize(
    ("a", "b", "bound", "expected"),
    [
        (80.0, 100.0, 0.2, True),
        (100.0, 80.0, 0.2, True),
        (79.0, 100.0, 0.2, False),
        (0.0, 0.0, 0.2, True),
        (0.0, 1.0, 0.2, False),
        (NAN, 1.0, 0.2, False),
        (90.0, 100.0, 0.05, False),
    ],
)
def test_equal(a: float, b: float, bound: float, expected: bool) -> None:
    assert judge("equal", a, b, bound=bound) == [expected]


@pytest.mark.parametrize(
    ("a", "b", "reference", "expected"),
    [
        (50.0, 60.0, 100.0, True),
        (50.0, 76.0, 100.0, False),  # 24 is less than half of 50
        (50.0, 75.0, 100.0, True),
        (150.0, 160.0, 100.0, True),
        (95.0, 96.0, 100.0, False),  # neither has an effect
        (50.0, 150.0, 100.0, False),  # opposite signs
        (50.0, 95.0, 100.0, False),
        (0.0, 0.0, 0.0, False),
        (50.0, NAN, 100.0, False),
    ],
)
def test_equivalent_effect(a: float, b: float, reference: float, expected: bool) -> None:
    assert judge("equivalent_effect", a, b, reference, bound=0.5) == [expected]


@pytest.mark.parametrize(
    ("a", "b", "both", "reference", "expected"),
    [
        (50.0, 50.0, 22.0, 100.0, True),
        (50.0, 50.0, 25.0, 100.0, False),  # the product of both
        (50.0, 50.0, 23.0, 100.0, False),  # by less than a tenth
        (50.0, 120.0, 10.0, 100.0, False),  # one of them harms
        (200.0, 200.0, 450.0, 100.0, True),
        (200.0, 200.0, 400.0, 100.0, False),
        (100.0, 50.0, 40.0, 100.0, True),  # one does nothing alone
        (0.0, 0.0, 0.0, 0.0, False),
        (50.0, 50.0, NAN, 100.0, False),
    ],
)
def test_synergy(a: float, b: float, both: float, reference: float, expected: bool) -> None:
    assert judge("synergy", a, b, both, reference) == [expected]


# effect, its reference, both with the block
@pytest.mark.parametrize(
    ("values", "abolished", "partly", "at_most"),
    [
        ((50, 100, 100, 100), True, False, True),  # R = 0
        ((50, 100, 90, 100), True, False, True),  # R = 0.2
        ((50, 100, 89, 100), False, True, True),
        ((50, 100, 60, 100), False, True, True),  # R = 0.8
        ((50, 100, 59, 100), False, False, False),
        ((50, 100, 120, 100), True, False, True),  # it turns round
        ((150, 100, 110, 100), True, False, True),  # gains count as losses
        ((95, 100, 100, 100), False, False, False),  # no effect, so none to abolish
        ((100, 100, 100, 100), False, False, False),
        ((0, 0, 0, 0), False, False, False),
        ((50, 100, NAN, 100), False, False, False),
        ((NAN, 100, 100, 100), False, False, False),
        ((50, 100, 45, 50), True, False, True),  # the block has an effect of its own: R = 0.1
    ],
)
def test_reversals(values: tuple[float, ...], abolished: bool, partly: bool, at_most: bool) -> None:
    assert judge("abolished", *values) == [abolished]
    assert judge("partly", *values) == [partly]
    assert judge("partly", *values, up_to=0.8) == [at_most]


def test_the_residual_is_what_is_left_of_the_effect() -> None:
    assert residual([np.array([v]) for v in (50.0, 100.0, 80.0, 100.0)]) == pytest.approx([0.4])


@pytest.mark.parametrize(
    ("values", "falling", "rising"),
    [
        ((100, 80, 60), True, False),
        ((60, 80, 100), False, True),
        ((100, 100, 60), False, False),  # strictly
        ((100, 60, 80), False, False),
        ((100, 98, 96), False, False),  # the ends differ by too little
        ((100, 95, 90), True, False),
        ((100, NAN, 60), False, False),
        ((0, 0, 0), False, False),
    ],
)
def test_orders(values: tuple[float, ...], falling: bool, rising: bool) -> None:
    assert judge("falling", *values) == [falling]
    assert judge("rising", *values) == [rising]


def test_bounds_are_in_the_unit_of_the_readout() -> None:
    values = [0.0, 1.0, 1.1, NAN]
    assert judge("absent", values, bound=1.0) == [True, True, False, False]
    assert judge("present", values, bound=1.0) == [False, False, True, False]


def test_each_draw_is_judged_by_itself() -> None:
    assert judge("less", [50.0, 95.0, NAN, 0.0], [100.0, 100.0, 100.0, 0.0]) == [True, False, False, False]
    assert judge("falling", [3.0, 1.0], [2.0, 2.0], [1.0, 3.0]) == [True, False]


# -- files -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def claims(evidence: Evidence) -> dict[str, Claim]:
    return load_claims(evidence)


def test_every_shipped_claim_is_whole(claims: dict[str, Claim], evidence: Evidence) -> None:
    assert len(claims) > 100
    for key, claim in claims.items():
        assert claim.says and claim.expect, key
        used = {arm for relation in claim.expect for arm in relation.arms}
        assert used == set(claim.arms), (
            f"{claim.file}: {key}: arms {sorted(set(claim.arms) - used)} are compared with nothing"
        )
        assert claim.counted or claim.why_not or claim.origin == "bench", (
            f"{claim.file}: {key} is not counted: say why_not"
        )
        if claim.origin == "review":
            assert key in evidence.coverage and claim.section, key
        for arm, (readout, day) in claim.read.items():
            assert readout.unit and 0 <= day <= claim.assay.main.days, f"{key}.{arm}"


def test_units_agree_within_a_relation(claims: dict[str, Claim]) -> None:
    for key, claim in claims.items():
        for relation in claim.expect:
            units = {claim.read[arm][0].unit for arm in relation.arms}
            assert len(units) == 1, f"{claim.file}: {key} compares {units}"


def test_no_relation_is_stated_twice(claims: dict[str, Claim]) -> None:
    for key, claim in claims.items():
        assert len(set(claim.expect)) == len(claim.expect), key


GOOD = """
["S2-088"]
says = "primed MSC suppress more"
assay = "coculture"
readout = "proliferation"
day = 4.0
arms.naive = {}
arms.primed = {priming = ["IFNG"]}
expect = [{relation = "less", a = "primed", b = "naive", least = 0.2}]
"""


def test_a_claim_of_ones_own(tmp_path: Path, evidence: Evidence) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(GOOD)
    claim = load_claims(evidence, file)["S2-088"]
    assert claim.expect == (Relation("less", ("primed", "naive"), 0.2),)
    assert claim.read["naive"][1] == 4.0 and claim.refs == ("44",) and claim.counted
    assert load_claims(evidence, tmp_path).keys() == {"S2-088"}


@pytest.mark.parametrize(
    ("old", "new", "key", "hint"),
    [
        ("says =", "say =", "S2-088.say", "says"),
        ('says = "primed MSC suppress more"', "", "S2-088.says", ""),
        ('says = "primed MSC suppress more"', "says = 3", "S2-088.says", ""),
        ('"coculture"', '"cocultures"', "assay", "coculture"),
        ('"coculture"', "3", "S2-088.assay", ""),
        ('"proliferation"', '"share Th2 of CD4"', "S2-088.readout", "Th1"),
        ('"proliferation"', '"prolif"', "S2-088.readout", "forms"),
        ('"proliferation"', "3", "S2-088.readout", ""),
        ("day = 4.0", "day = 40", "S2-088.arms.naive.day", ""),
        ("day = 4.0", 'day = "four"', "S2-088.day", ""),
        ("arms.naive = {}", "arms.naive = 3", "S2-088.arms.naive", ""),
        ("arms.naive = {}", "arms.naive = {contact = 'trans'}", "S2-088.naive.contact", "transwell"),
        ("arms.naive = {}", "arms.naive = {prime = ['IFNG']}", "S2-088.naive.prime", "priming"),
        ('"less"', '"lesser"', "S2-088.expect", "less"),
        ('b = "naive"', 'b = "nave"', "S2-088.expect", "naive"),
        (', b = "naive"', "", "S2-088.expect", ""),
        ("least = 0.2", 'least = "much"', "S2-088.expect", ""),
        ("least = 0.2", "lest = 0.2", "S2-088.expect", "least"),
        ('[{relation = "less", a = "primed", b = "naive", least = 0.2}]', "3", "S2-088.expect", ""),
        ('{relation = "less", a = "primed", b = "naive", least = 0.2}', "3", "S2-088.expect", ""),
        (
            '{relation = "less", a = "primed", b = "naive", least = 0.2}',
            '{relation = "absent", a = "naive"}',
            "S2-088.expect",
            "",
        ),
        (
            '{relation = "less", a = "primed", b = "naive", least = 0.2}',
            '{relation = "falling", arms = ["naive"]}',
            "S2-088.expect",
            "",
        ),
    ],
)
def test_a_mistake_names_file_claim_and_the_nearest(
    old: str, new: str, key: str, hint: str, tmp_path: Path, evidence: Evidence
) -> None:
    assert GOOD.count(old) == 1
    file = tmp_path / "mine.toml"
    file.write_text(GOOD.replace(old, new))
    with pytest.raises(InputError) as caught:
        load_claims(evidence, file)
    assert caught.value.key == key and hint in caught.value.suggestion
    assert caught.value.file == "mine.toml" or key == "assay"


def test_a_claim_in_two_files_and_a_file_that_is_none(tmp_path: Path, evidence: Evidence) -> None:
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text(GOOD)
    with pytest.raises(InputError, match="a.toml already"):
        load_claims(evidence, tmp_path)
    (tmp_path / "c.toml").write_text("x = ")
    with pytest.raises(InputError, match="cannot be read"):
        load_claims(evidence, tmp_path / "c.toml")
    (tmp_path / "d.toml").write_text("x = 3")
    with pytest.raises(InputError, match="not a table"):
        load_claims(evidence, tmp_path / "d.toml")
