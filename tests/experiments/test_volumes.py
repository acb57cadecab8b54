"""Organs of other sizes: what arrives at a uL stays, what blood and the rest of the body lose or keep adds up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stromal.errors import InputError
from stromal.evidence import Evidence
from stromal.experiments import prior_ensemble
from stromal.experiments.body import organs
from stromal.experiments.disease import DISEASES, Disease, list_diseases, load_disease
from stromal.experiments.dosing import doses
from stromal.experiments.routes import route_shares
from stromal.experiments.therapy import parse_therapy
from stromal.model import System
from stromal.model.expr import Expr, evaluate

SMALL = 0.05


def healthy(folder: Path, evidence: Evidence, **volumes: str) -> Disease:
    """Return the healthy mouse with some volumes, from a file."""
    text = (DISEASES / "mouse-healthy.toml").read_text(encoding="utf-8")
    more = "".join(f'[places.{place}]\nvolume = "{volume}"\n' for place, volume in volumes.items())
    folder.mkdir(exist_ok=True)
    (folder / "mouse.toml").write_text(text + more, encoding="utf-8")
    return load_disease(folder / "mouse.toml", evidence)


@pytest.fixture(scope="module")
def plain(evidence: Evidence, tmp_path_factory: pytest.TempPathFactory) -> Disease:
    return healthy(tmp_path_factory.mktemp("plain"), evidence)


@pytest.fixture(scope="module")
def small(evidence: Evidence, tmp_path_factory: pytest.TempPathFactory) -> Disease:
    return healthy(tmp_path_factory.mktemp("small"), evidence, target="50 uL")


def rates(system: System) -> dict[str, float]:
    """Return the rate of each process in a state in which nothing is zero."""
    names = {s.name: 1.0 + 0.01 * i for i, s in enumerate(system.states)}
    names |= {p.name: p.value for p in system.parameters}
    found: dict[str, float] = {}
    todo: list[tuple[str, Expr]] = [*system.inlined.items(), *((p.name, p.rate) for p in system.processes)]
    for name, expr in todo:
        found[name] = float(evaluate(expr, names | found))
    return {p.name: found[p.name] for p in system.processes}


# -- a file without the key is as before ----------------------------------------------------------------


def test_a_volume_as_in_the_table_changes_not_one_term(
    plain: Disease, evidence: Evidence, tmp_path: Path
) -> None:
    same = healthy(tmp_path, evidence, target="1 mL", lung="180 uL")
    assert plain.volumes == same.volumes == organs(evidence, "mouse")
    assert not plain.sizes and not same.sizes
    one, other = plain.system(evidence), same.system(evidence)
    assert repr(one.processes) == repr(other.processes) and one.states == other.states
    assert repr(one.assignments) == repr(other.assignments) and one.parameters == other.parameters


def test_the_gut_is_as_large_as_in_the_table(evidence: Evidence) -> None:
    for name in list_diseases():
        disease = load_disease(name, evidence)
        if "gut" in disease.spec.target or disease.spec.organ:
            assert not disease.sizes, name
        elif disease.spec.target not in ("target organ", "an organ (not the lung)"):
            assert disease.sizes["target"] < 1 and disease.spec.places["target"].source, name


# -- what passes between organs -------------------------------------------------------------------------


def test_cells_that_arrive_at_a_uL_are_as_many_and_the_blood_loses_fewer(
    plain: Disease, small: Disease, evidence: Evidence
) -> None:
    before, after = plain.system(evidence), small.system(evidence)
    was, now = rates(before), rates(after)
    coefficients = {p.name: dict(p.changes) for p in before.processes}
    rest = small.sizes["rest"]
    assert small.sizes == {"target": pytest.approx(SMALL), "rest": pytest.approx(18.95 / 18)}
    seen, most = set(), 0.0
    for p in after.processes:
        if not p.behaviour.startswith("migrates") or p.signed:
            continue
        source, _, sink = p.behaviour.removeprefix("migrates ").partition(">")
        seen.add(sink)
        (_, lost), (there, gained) = p.changes
        size = {"target": SMALL, "rest": rest}.get(sink, 1.0)
        assert now[p.name] == pytest.approx(size * was[p.name], rel=1e-12), p.name
        # a cell that leaves one place is a cell in the other
        assert -lost * small.volumes[source] == pytest.approx(gained * small.volumes[sink], rel=1e-12)
        if sink == "target":
            arrive = gained * now[p.name], coefficients[p.name][there] * was[p.name]
            assert arrive[0] == pytest.approx(arrive[1], rel=1e-12)
            most = max(most, arrive[0])
    assert most > 0 and {"target", "lung", "blood"} <= seen


def test_what_is_dissolved_is_conserved_and_washed_out_as_fast(
    plain: Disease, small: Disease, evidence: Evidence
) -> None:
    was, now = (rates(d.system(evidence)) for d in (plain, small))
    checked = 0
    for p in small.system(evidence).processes:
        if p.behaviour == "exchange":
            amount = sum(small.volumes[state.partition(":")[0]] * c for state, c in p.changes)
            size = SMALL if p.name.endswith(":to target") else 1.0
            assert amount == pytest.approx(0.0, abs=1e-12)
            assert now[p.name] == pytest.approx(size * was[p.name], rel=1e-12)
            checked += p.name.startswith("target:")
    assert checked


def test_the_body_stays_as_large(plain: Disease, small: Disease) -> None:
    assert sum(small.volumes.values()) == pytest.approx(sum(plain.volumes.values()), rel=1e-12)
    assert small.volumes["target"] == 50.0 and small.volumes["rest"] == pytest.approx(18950.0)


# -- doses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["cells", "vesicles"])
def test_a_share_goes_with_the_organ_unless_the_route_leads_there(what: str, evidence: Evidence) -> None:
    ensemble = prior_ensemble(evidence, 50)
    for route in ("IV", "IP", "intralymphatic", "local", "IA"):
        was = route_shares(evidence, route, what, ensemble)
        now = route_shares(evidence, route, what, ensemble, {"target": SMALL, "rest": 1.05})
        np.testing.assert_allclose(sum(now.values()), 1.0, atol=1e-12)
        for place in set(was) - {"rest", "target"}:
            np.testing.assert_allclose(now[place], was[place], rtol=1e-9)
        if "target" in was:
            factor = 1.0 if route in ("local", "IA") else SMALL
            np.testing.assert_allclose(now["target"], factor * was["target"], rtol=1e-9)


def test_shares_are_whole_where_an_organ_is_larger_and_where_nothing_is_left(evidence: Evidence) -> None:
    for sizes in ({"target": 15.0, "rest": 0.2}, {"lung": 3.0}, {"liver": 1e-6}):
        for route, what in {(r, w) for r, w, _ in evidence.routes}:
            now = route_shares(evidence, route, what, None, sizes)
            assert sum(now.values()) == pytest.approx(1.0) and min(now.values()) >= 0


def test_cells_given_into_a_small_organ_are_denser_there(
    plain: Disease, small: Disease, evidence: Evidence
) -> None:
    keys = {"give": "MSC", "amt": "1e6 cells", "viability": 1, "time": 0}
    for route, denser in (("local", 1 / SMALL), ("IV", 1.0)):
        (was,), (now,) = (
            doses(parse_therapy({**keys, "route": route}, evidence), 0.025, evidence, sizes=d.sizes)
            for d in (plain, small)
        )
        here = [float(d.amount * d.places["target"]) / v.volumes["target"] for d, v in ((was, plain), (now, small))]  # fmt: skip
        assert here[1] == pytest.approx(denser * here[0])
        assert sum(map(float, now.places.values())) == pytest.approx(1.0)


# -- mistakes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "volume", "key", "says"),
    [
        ("targt", "1 mL", "places.targt", "no place 'targt'.*'target'"),
        ("rest", "1 mL", "places.rest", "what the other places leave"),
        ("target", "-1 mL", "places.target.volume", "negative"),
        ("target", "0 mL", "places.target.volume", "above 0"),
        ("target", "30 mL", "places.target.volume", "30000 uL is not a volume of target.*below the 19000 uL"),
        ("target", "1e999 mL", "places.target.volume", "inf"),
        ("target", "1 kg", "places.target.volume", "kg"),
        ("target", "much", "places.target.volume", "not a number"),
    ],
)
def test_a_volume_that_cannot_be_is_refused(
    place: str, volume: str, key: str, says: str, evidence: Evidence, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=says) as caught:
        healthy(tmp_path, evidence, **{place: volume})
    assert (caught.value.file, caught.value.key) == ("mouse.toml", key)


def test_organs_together_leave_room_and_other_keys_are_refused(evidence: Evidence, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a volume of (target|liver)"):
        healthy(tmp_path / "a", evidence, target="12 mL", liver="12 mL")
    text = (DISEASES / "mouse-healthy.toml").read_text(encoding="utf-8")
    (tmp_path / "mouse.toml").write_text(
        text + '[places.target]\nvolume = "1 mL"\nflow = "1"\n', encoding="utf-8"
    )
    with pytest.raises(InputError, match=r"no such key"):
        load_disease(tmp_path / "mouse.toml", evidence)


@pytest.mark.parametrize("volumes", [{"target": "50 uL"}, {"target": "2 mL", "lymphoid": "0.3 mL"}])
def test_vesicles_that_the_blood_loses_go_by_size_and_are_whole(
    volumes: dict[str, str], evidence: Evidence, tmp_path: Path
) -> None:
    name = "mouse-agvhd"
    text = (DISEASES / f"{name}.toml").read_text(encoding="utf-8")
    more = "".join(f'[places.{place}]\nvolume = "{volume}"\n' for place, volume in volumes.items())
    (tmp_path / "mouse.toml").write_text(text + more, encoding="utf-8")
    plain, other = load_disease(name, evidence), load_disease(tmp_path / "mouse.toml", evidence)
    was, now = (rates(d.system(evidence)) for d in (plain, other))
    gone = [p for p in other.system(evidence).processes if p.name.startswith("blood:MSC-EV:")]
    to = {p.name.rpartition(" ")[2]: p for p in gone if ":to " in p.name}
    assert {"lung", "lymphoid", "target"} <= set(to)
    for place, p in to.items():
        amount = sum(other.volumes[state.partition(":")[0]] * c for state, c in p.changes)
        assert amount == pytest.approx(0.0, abs=1e-9)
        assert now[p.name] == pytest.approx(other.sizes.get(place, 1.0) * was[p.name], rel=1e-12)
    # all that leaves is a share of one loss, in whatever organs
    assert sum(now[p.name] for p in gone) == pytest.approx(sum(was[p.name] for p in gone), rel=1e-12)
    assert min(now[p.name] for p in gone) >= 0
