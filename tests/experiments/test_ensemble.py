"""Draws: the same numbers for every model that has them, within their bounds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kstest

from stromal.errors import InputError
from stromal.evidence import Evidence, load_evidence
from stromal.experiments.ensemble import (
    CONCENTRATION,
    Z90,
    Ensemble,
    families,
    msc_rules,
    prior_ensemble,
    selects,
    shipped_ensemble,
    uniform,
)
from stromal.model import System, compile_model

DRAWS = 40


@pytest.fixture(scope="module")
def coculture(evidence: Evidence) -> System:
    return compile_model(evidence, sites={c: ("well",) for c in ("CD4.naive", "CD8.naive", "MSC")})


@pytest.fixture(scope="module")
def prior(evidence: Evidence) -> Ensemble:
    return prior_ensemble(evidence, DRAWS, seed=3)


def along(ensemble: Ensemble, **times: float) -> Ensemble:
    ones = dict.fromkeys(ensemble.directions, 1.0) | times
    return replace(ensemble, directions={k: np.full(len(ensemble), v) for k, v in ones.items()})


def columns(system: System, ensemble: Ensemble, evidence: Evidence) -> dict[str, np.ndarray]:
    return dict(zip((p.name for p in system.parameters), ensemble.sample(system, evidence).T, strict=True))


def test_a_draw_has_the_same_numbers_in_every_model(
    coculture: System, prior: Ensemble, evidence: Evidence
) -> None:
    other = compile_model(evidence, sites={c: ("well",) for c in ("CD4.naive", "M0", "monocyte", "MSC")})
    a, b = columns(coculture, prior, evidence), columns(other, prior, evidence)
    shared = set(a) & set(b)
    assert len(shared) > 150
    # a rule's fold is bounded by the behaviours that it acts on, and those are the model's
    assert all(np.array_equal(a[name], b[name]) for name in shared)


def test_a_new_rule_leaves_all_other_numbers(
    tmp_path: Path, prior: Ensemble, evidence: Evidence, coculture: System
) -> None:
    (tmp_path / "rules.csv").write_text(
        "id,cell,behaviour,signal,effect,fold,half_max,unit,refs,status,strength\n"
        "my-rule,MSC,secretes PGE2,lactate,increases,1.2,5,mM,44,review,measured\n"
    )
    more = load_evidence(tmp_path)
    wider = compile_model(more, sites={c: ("well",) for c in ("CD4.naive", "CD8.naive", "MSC")})
    a, b = columns(coculture, prior, evidence), columns(wider, prior, more)
    assert set(b) - set(a) >= {"rule:my-rule:fold"}
    assert all(np.array_equal(a[name], b[name]) for name in a)


def test_the_first_draws_are_those_of_a_smaller_ensemble(
    coculture: System, prior: Ensemble, evidence: Evidence
) -> None:
    many = prior.sample(coculture, evidence)
    few = prior_ensemble(evidence, 7, seed=3)
    assert few.ids == prior.head(7).ids
    np.testing.assert_array_equal(few.sample(coculture, evidence), many[:7])
    np.testing.assert_array_equal(prior.head(7).sample(coculture, evidence), many[:7])
    picked = replace(prior, ids=(5, 2), directions={k: v[[5, 2]] for k, v in prior.directions.items()})
    np.testing.assert_array_equal(picked.sample(coculture, evidence), many[[5, 2]])


def test_seeds_and_streams_differ_and_are_uniform() -> None:
    ids = tuple(range(4000))
    a = uniform(1, "rule:x:fold", ids)
    assert kstest(a, "uniform").pvalue > 1e-3
    for other in (uniform(2, "rule:x:fold", ids), uniform(1, "rule:y:fold", ids)):
        assert abs(np.corrcoef(a, other)[0, 1]) < 0.06
    np.testing.assert_array_equal(a, uniform(1, "rule:x:fold", ids))
    assert 0 < a.min() and a.max() < 1


def test_numbers_have_their_median_and_spread(evidence: Evidence, coculture: System) -> None:
    many = along(prior_ensemble(evidence, 3000, seed=4))
    values = columns(coculture, many, evidence)
    parameter = next(p for p in coculture.parameters if p.kind == "half_max" and p.spread == 3.0)
    ratio = values[parameter.name] / parameter.value
    np.testing.assert_allclose(np.quantile(ratio, [0.05, 0.5, 0.95]), [1 / 3, 1.0, 3.0], rtol=0.12)
    # a fold's spread is on its logarithm, so no draw changes a sign
    for p in coculture.parameters:
        if p.kind == "fold":
            assert ((values[p.name] > 1) == (p.value > 1)).all(), p.name
        if p.kind == "leak":
            assert (values[p.name] < 1).all()
        if p.kind == "switch":
            assert (values[p.name] == p.value).all()


def test_folds_stay_within_the_bounds_of_their_behaviour(
    evidence: Evidence, coculture: System, prior: Ensemble
) -> None:
    wild = along(prior, potency=20.0)
    values = columns(coculture, wild, evidence)
    for p in coculture.parameters:
        assert (values[p.name] >= p.lower).all() and (values[p.name] <= p.upper).all(), p.name
    assert any(
        (values[p.name] == p.lower).any() for p in coculture.parameters if p.kind == "fold" and p.lower > 0
    )


def strengths(system: System, ensemble: Ensemble, evidence: Evidence) -> dict[str, np.ndarray]:
    """Return |ln fold| of MSC's rules before the bounds of behaviours are applied."""
    loose = replace(system, parameters=tuple(replace(p, lower=0.0, upper=np.inf) for p in system.parameters))
    values = columns(loose, ensemble, evidence)
    return {
        r: np.abs(np.log(values[f"rule:{r}:fold"]))
        for r in sorted(msc_rules(evidence))
        if f"rule:{r}:fold" in values
    }


def test_the_strengths_of_a_family_share_out_its_total(evidence: Evidence, prior: Ensemble) -> None:
    """Whatever the draw, all pathways of MSC on one behaviour have the total of their classes, times potency."""
    cells = (
        "CD4.active",
        "Th1",
        "Th17",
        "CD8.active",
        "Treg",
        "monocyte",
        "M0",
        "M1",
        "M2",
        "MSC",
        "NK.active",
    )
    system = compile_model(
        evidence, sites=dict.fromkeys(cells, ("well",)), places={"well": 100.0, "insert": 100.0}
    )
    for potency in (1.0, 2.0):
        found = strengths(system, along(prior, potency=potency), evidence)
        potent = next(d for d in evidence.directions if d.name == "potency")
        checked = 0
        for behaviour, effect, pathways in families(evidence):
            rules = [members[0] for members in pathways.values()]
            if not all(r.id in found and selects(potent, evidence, rule=r) for r in rules):
                continue
            assert {(r.behaviour, r.effect) for r in rules} == {(behaviour, effect)}
            groups = {r.group for r in rules if r.group}
            members = [
                r for found_ in pathways.values() for r in found_ if r.group in groups and r.id in found
            ]
            if len({r.fold for r in members}) > len(groups):
                continue  # the class of a pathway is that of its first rule
            total = sum(abs(np.log(r.fold or 1.0)) for r in rules)
            np.testing.assert_allclose(sum(found[r.id] for r in rules), potency * total, rtol=1e-9)
            checked += len(rules) > 1
        assert checked >= 3


def test_a_rule_on_other_cells_leaves_the_strengths_alone(evidence: Evidence, prior: Ensemble) -> None:
    """What MSC do to NK cells says nothing about what they do to T cells, or about how they share it."""
    row = evidence.rules["hlag5-lowers-t-ifng"]
    rules = evidence.tables["rules"]
    for n, cell in enumerate(("NK.active", "Tc1")):
        system = compile_model(evidence, sites=dict.fromkeys(("Th1", "MSC", "NK.active"), ("well",)))
        other = row.model_copy(update={"id": f"new-{n}", "cell": cell, "via": ""})
        more = Evidence({**evidence.tables, "rules": {**rules, other.identity(): other}}, ("more",))
        before, after = (strengths(system, prior, e)[row.id] for e in (evidence, more))
        assert np.array_equal(before, after) == (cell == "NK.active")


def test_shares_of_a_family_vary_as_their_dirichlet(evidence: Evidence, coculture: System) -> None:
    """Gamma draws of shape w, divided by their sum: the variance of a share is m (1 - m) / (sum of w + 1)."""
    many = along(prior_ensemble(evidence, 2000, seed=9))
    (family,) = (
        pathways
        for behaviour, effect, pathways in families(evidence)
        if (behaviour, effect) == ("division", "decreases")
        and any(r.cell == "effector T" for rules in pathways.values() for r in rules)
    )
    pathways = {name: rules[0] for name, rules in family.items()}  # the first rule gives the class
    classes = {name: abs(np.log(rule.fold or 1.0)) for name, rule in pathways.items()}
    found = strengths(coculture, many, evidence)
    total, checked = sum(classes.values()), 0
    for name, rule in pathways.items():
        if rule.id in found:
            share, mean = found[rule.id] / total, classes[name] / total
            assert share.mean() == pytest.approx(mean, rel=0.1)
            assert share.var() == pytest.approx(
                mean * (1 - mean) / (CONCENTRATION * len(pathways) + 1), rel=0.25
            )
            checked += 1
    assert checked >= 3 and CONCENTRATION == 2.5


def test_rules_of_one_pathway_have_one_strength(
    evidence: Evidence, prior: Ensemble, coculture: System
) -> None:
    found = strengths(coculture, along(prior), evidence)
    pathways = [rules for _, _, some in families(evidence) for rules in some.values()]
    shared = [names for rules in pathways if len(names := [r.id for r in rules if r.id in found]) > 1]
    assert len(shared) >= 3
    for names in shared:
        assert all(np.array_equal(found[names[0]], found[name]) for name in names)


def test_directions_move_what_they_select_and_nothing_else(
    evidence: Evidence, prior: Ensemble, coculture: System
) -> None:
    loose = replace(
        coculture, parameters=tuple(replace(p, lower=0.0, upper=np.inf) for p in coculture.parameters)
    )
    before = columns(loose, along(prior), evidence)
    for direction in evidence.directions:
        after = columns(loose, along(prior, **{direction.name: 2.0}), evidence)
        moved = {name for name in before if not np.array_equal(before[name], after[name])}
        if direction.acts_on == "strength":
            expected = {
                f"rule:{r.id}:fold"
                for r in evidence.rules.values()
                if r.id in msc_rules(evidence) and selects(direction, evidence, rule=r)
            }
            for name in moved:
                np.testing.assert_allclose(np.log(after[name]), 2 * np.log(before[name]))
        else:
            expected = set()
            for row in evidence.behaviours:
                if selects(direction, evidence, cell=row.cell, behaviour=row.behaviour):
                    expected.add(
                        f"base:{row.cell}:{row.behaviour}" + (f":{';'.join(row.where)}" if row.where else "")
                    )
            for name in moved:
                np.testing.assert_allclose(after[name], 2 * before[name])
        assert moved == expected & set(before), direction.name
        assert moved or direction.name == "macrophage"  # no macrophages in this well


def test_rules_of_msc_are_those_that_act_on_others(evidence: Evidence) -> None:
    found = msc_rules(evidence)
    assert "msc-pdl1-slows-t-division" in found
    assert all(
        not evidence.rules[r].cell.startswith("MSC") and evidence.rules[r].effect != "requires" for r in found
    )
    assert not any(evidence.rules[r].signal in ("TCR", "IFNG", "IL2", "LPS", "crowding") for r in found)


def test_prior_of_a_direction(evidence: Evidence) -> None:
    many = prior_ensemble(evidence, 3000, seed=2)
    for row in evidence.directions:
        lo, mid, hi = np.quantile(many.directions[row.name], [0.05, 0.5, 0.95])
        assert np.allclose([lo * row.spread, mid, hi / row.spread], row.prior, rtol=0.15), row.name
        assert np.log(hi / lo) == pytest.approx(2 * np.log(row.spread), rel=0.1)
    assert Z90 == pytest.approx(1.6449, abs=1e-4)


def test_asking_for_more_draws_than_there_are(prior: Ensemble) -> None:
    for draws in (0, DRAWS + 1):
        with pytest.raises(InputError) as caught:
            prior.head(draws)
        assert caught.value.key == "draws" and str(DRAWS) in caught.value.suggestion


def test_the_median_draw_is_the_median(evidence: Evidence, coculture: System, prior: Ensemble) -> None:
    middle = prior.median()
    values = columns(coculture, middle, evidence)
    for p in coculture.parameters:
        if p.kind in ("half_max", "rate"):
            assert values[p.name] == pytest.approx(p.value, rel=1e-12)


def test_the_shipped_ensemble_is_whole(evidence: Evidence, coculture: System) -> None:
    shipped = shipped_ensemble()
    assert len(shipped) >= 100 and len(set(shipped.ids)) == len(shipped)
    assert set(shipped.directions) == {d.name for d in evidence.directions}
    assert all(np.isfinite(v).all() and (v > 0).all() for v in shipped.directions.values())
    assert np.isfinite(shipped.head(20).sample(coculture, evidence)).all()
