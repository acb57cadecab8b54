"""What an arm changes in the parameters, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from shipped_body import EXTRA, trial

from stromal.errors import InputError
from stromal.evidence import Evidence
from stromal.evidence.words import parse_via
from stromal.experiments import run_assay
from stromal.experiments.arm import Arm
from stromal.experiments.disease import load_disease
from stromal.experiments.ensemble import Ensemble, prior_ensemble
from stromal.experiments.switches import apply_arm
from stromal.experiments.targets import blockable
from stromal.model import System, compile_model


@pytest.fixture(scope="module")
def system(evidence: Evidence) -> System:
    places = {"well": 200.0, "insert": 100.0}  # two, so that there is migration
    return compile_model(evidence, sites=dict.fromkeys(evidence.cells, tuple(places)), places=places)


@pytest.fixture(scope="module")
def ensemble(evidence: Evidence) -> Ensemble:
    return prior_ensemble(evidence, 400, seed=1)


@pytest.fixture(scope="module")
def plain(system: System, ensemble: Ensemble, evidence: Evidence) -> np.ndarray:
    return ensemble.sample(system, evidence)


@pytest.fixture(scope="module")
def change(system: System, ensemble: Ensemble, evidence: Evidence, plain: np.ndarray):  # noqa: ANN201
    """Return what an arm does: parameter name to the factor in each draw, where it is not one."""

    def ratio(**keys: object) -> dict[str, np.ndarray]:
        usual = apply_arm(plain, system, Arm(), evidence, ensemble)
        found = apply_arm(plain, system, Arm(**keys), evidence, ensemble)
        out = {}
        for i, p in enumerate(system.parameters):
            if not np.array_equal(usual[:, i], found[:, i]):
                with np.errstate(divide="ignore"):
                    out[p.name] = found[:, i] / usual[:, i]
        return out

    return ratio


def holders(evidence: Evidence, symbol: str) -> set[str]:
    """Return the nodes of a molecule on a bench, with their owners."""
    rows = (*evidence.rules.values(), *evidence.behaviours)
    return {
        str(node)
        for row in rows
        if "place=body" not in row.where
        for node in parse_via(row.via)
        if node.symbol == symbol
    }


def refused(
    system: System, ensemble: Ensemble, evidence: Evidence, plain: np.ndarray, **keys: object
) -> InputError:
    with pytest.raises(InputError) as caught:
        apply_arm(plain, system, Arm(**keys), evidence, ensemble)
    return caught.value


def test_an_arm_leaves_the_parameters_it_is_given(
    system: System, ensemble: Ensemble, evidence: Evidence, plain: np.ndarray
) -> None:
    before = plain.copy()
    apply_arm(plain, system, Arm(block=("PTGS2",), product="fibroblast", species="mouse"), evidence, ensemble)
    np.testing.assert_array_equal(plain, before)


def test_a_block_by_symbol_reaches_every_owner(change, evidence: Evidence) -> None:  # noqa: ANN001
    for symbol in ("PTGS2", "IDO1", "CD274"):
        owners = holders(evidence, symbol)
        found = change(block=(f"{symbol}:0.8",))
        assert set(found) == {f"keep:{owner}" for owner in owners}, symbol
        assert all(np.allclose(v, 0.2) for v in found.values())
    assert len(holders(evidence, "PTGS2")) > 1  # several owners, or this says nothing


def test_a_knockout_reaches_its_owner_alone_and_fully(change, evidence: Evidence) -> None:  # noqa: ANN001
    found = change(knockout=("MSC.PTGS2",))
    others = holders(evidence, "PTGS2") - {"MSC:PTGS2", "MSC.apoptotic:PTGS2"}
    assert "keep:MSC:PTGS2" in found and not found["keep:MSC:PTGS2"].any()
    assert not {f"keep:{node}" for node in others} & set(found)
    assert all(name.startswith("keep:MSC") for name in found)


def test_efficacy_is_drawn_within_its_bounds(change) -> None:  # noqa: ANN001
    left = next(iter(change(block=("IDO1",)).values()))
    lo, mid, hi = np.quantile(1 - left, [0.05, 0.5, 0.95])
    assert (lo, mid, hi) == (
        pytest.approx(0.7, abs=0.05),
        pytest.approx(0.9, abs=0.02),
        pytest.approx(0.99, abs=0.01),
    )
    assert 0 < (1 - left).min() and (1 - left).max() < 1


def test_an_efficacy_of_ones_own_is_exact(change) -> None:  # noqa: ANN001
    assert all(np.allclose(v, 0.0) for v in change(block=("IDO1:1",)).values())
    assert change(block=("IDO1:0",)) == {}
    for v in change(block=("IDO1:.25",)).values():
        np.testing.assert_allclose(v, 0.75)


def test_agents_of_the_table_have_the_efficacy_of_the_table(change, evidence: Evidence) -> None:  # noqa: ANN001
    agent = evidence.blocks["anti-PD-L1"]
    found = change(block=("anti-PD-L1",))
    assert found and set(found) == set(change(block=(agent.synonyms[0],)))
    left = next(iter(found.values()))
    assert np.quantile(1 - left, 0.5) == pytest.approx(agent.efficacy, abs=0.02)


def test_a_neutraliser_takes_free_ligand(change) -> None:  # noqa: ANN001
    found = change(block=("anti-IFNG:0.9",))
    assert set(found) == {"free:IFNG"}
    np.testing.assert_allclose(found["free:IFNG"], 0.1)
    assert set(change(block=("PGE2:0.9",))) == {"free:PGE2"}  # a mediator by its name


def test_an_antagonist_competes(change, evidence: Evidence) -> None:  # noqa: ANN001
    found = change(block=("anti-PD-1:0.9",))
    assert found and all(name.startswith("reach:") and name.endswith(":PDCD1") for name in found)


def test_every_agent_and_node_can_be_blocked(
    system: System, ensemble: Ensemble, evidence: Evidence, plain: np.ndarray
) -> None:
    # what is of the body alone has no node on a bench
    few = ensemble.head(3)
    bodies = [trial(evidence).disease.system(evidence, EXTRA)]
    bodies += [
        load_disease(name, evidence).system(evidence)
        for name in (
            "mouse-eau-nodes",
            "rat-infarct",
            "mouse-lps-lung",
            "mouse-dss-colitis",
            "mouse-imq-psoriasis",
            "mouse-dry-eye",
            "mouse-lupus",
        )  # fmt: skip
    ]
    both = [(system, plain[:3]), *((body, few.sample(body, evidence)) for body in bodies)]
    usual = [apply_arm(numbers, part, Arm(), evidence, few) for part, numbers in both]
    idle = []
    for name, kind in blockable(evidence).items():
        arm = Arm(block=(f"{name}:0.9",))
        found = [apply_arm(numbers, part, arm, evidence, few) for part, numbers in both]
        agent = next((b for b in evidence.blocks.values() if name in (b.name, *b.synonyms)), None)
        target = agent.node if agent else name
        # a mediator that nobody senses may be taken away without a trace
        sensed = any(f"free:{target}" in part.parameter_index for part, _ in both)
        if target not in evidence.mediators or sensed:
            if all(np.array_equal(a, b) for a, b in zip(found, usual, strict=True)):
                idle.append(f"{name} ({kind})")
    assert not idle, f"blocking changes nothing: {idle}"
    bodily = {"PPP3CA", "CCR7"}
    assert bodily <= set(blockable(evidence)) and not any(
        name.endswith(tuple(bodily)) for name in system.parameter_index
    )


@pytest.mark.parametrize(
    ("keys", "key", "hint"),
    [
        ({"block": ("PD-L11",)}, "block", "PD-L1"),
        ({"block": ("PTGS3:0.5",)}, "block", "PTGS2"),
        ({"block": ("PTGS2:1.5",)}, "block", ""),
        ({"block": ("PTGS2:-1",)}, "block", ""),
        ({"knockout": ("MCS.PTGS2",)}, "knockout", "MSC"),
        ({"knockout": ("PTGS2",)}, "knockout", ""),
        ({"knockout": ("MSC.PTGS3",)}, "knockout", "PTGS2"),
        ({"knockout": ("Th17.PTGS2",)}, "knockout", "PTGS2"),
    ],
)
def test_what_reaches_nothing_is_refused(keys, key, hint, system, ensemble, evidence, plain) -> None:  # noqa: ANN001
    err = refused(system, ensemble, evidence, plain, **keys)
    assert err.key == key and hint in err.suggestion


def test_muting_touches_the_signal_of_one_rule_only(change) -> None:  # noqa: ANN001
    found = change(mute=("msc-pdl1-slows-t-division",))
    assert set(found) == {"rule:msc-pdl1-slows-t-division:half_max"}


def test_muting_the_first_of_a_group_leaves_the_pathway_to_the_others(
    evidence: Evidence, ensemble: Ensemble
) -> None:
    """PGE2 by EP2 and by EP4 and adenosine share cAMP: each alone can be silenced, the pathway stays."""
    behaviour = "rate division of CD4.active"
    medium = {"PGE2": "20 ng/mL"}
    arms = {
        "all": {"product": "none", "add": medium},
        "no EP2": {"product": "none", "add": medium, "mute": "pge2-slows-t-division-ep2"},
        "no EP4": {"product": "none", "add": medium, "mute": "pge2-slows-t-division-ep4"},
        "neither": {
            "product": "none",
            "add": medium,
            "mute": ["pge2-slows-t-division-ep2", "pge2-slows-t-division-ep4"],
        },
    }
    result = run_assay(
        "coculture", arms=arms, readouts=[behaviour], draws=None, evidence=evidence, ensemble=ensemble
    )
    rate = {arm: result.values(behaviour, arm, 0.25).mean() for arm in arms}
    assert rate["all"] < rate["no EP2"] < rate["neither"]
    assert rate["all"] < rate["no EP4"] < rate["neither"]


def switches(
    system: System, ensemble: Ensemble, evidence: Evidence, plain: np.ndarray, **keys: object
) -> dict[str, float]:
    found = apply_arm(plain, system, Arm(**keys), evidence, ensemble)[0]
    return {p.name: found[i] for i, p in enumerate(system.parameters) if p.name.startswith("is:")}


def test_species_belongs_to_the_cell(
    system: System, ensemble: Ensemble, evidence: Evidence, plain: np.ndarray
) -> None:
    for keys, msc, host in (
        ({}, "human", "human"),
        ({"species": "mouse"}, "mouse", "mouse"),
        ({"species": "mouse", "msc_species": "human"}, "human", "mouse"),
    ):
        found = switches(system, ensemble, evidence, plain, **keys)
        tested = {name: value for name, value in found.items() if ":species=" in name}
        assert tested
        for name, value in tested.items():
            owner, wanted = name.split(":")[1], name.split("=")[1]
            assert value == float(wanted == (msc if owner == "MSC" else host)), name


def test_mediators_act_across_species_as_the_table_says(change, evidence: Evidence) -> None:  # noqa: ANN001
    assert not any(name.startswith("cross:") for name in change(species="mouse"))
    found = {n: v for n, v in change(species="mouse", msc_species="human").items() if n.startswith("cross:")}
    # IFNG of mouse T cells does not license human MSC; among mouse cells it acts as ever
    assert not found["cross:IFNG:MSC"].any()
    assert "cross:IFNG:host" not in found
    table = {r.identity(): r.factor for r in evidence.crossreactivity}
    for name, times in found.items():
        _, mediator, owner = name.split(":")
        way = ("mouse", "human") if owner == "MSC" else ("human", "mouse")
        np.testing.assert_allclose(times, table[mediator, *way])


def test_a_source_scales_its_bases_around_its_factor(change, evidence: Evidence) -> None:  # noqa: ANN001
    found = {n: v for n, v in change(source="adipose").items() if n.startswith("factor:")}
    rows = {f"factor:{r.cell}:{r.target}": r for r in evidence.products if r.product == "adipose"}
    assert set(found) == set(rows)
    for name, row in rows.items():
        lo, mid, hi = np.quantile(found[name], [0.05, 0.5, 0.95])
        np.testing.assert_allclose([lo * row.spread, mid, hi / row.spread], row.factor, rtol=0.15)


def test_a_control_does_less_in_every_draw(change) -> None:  # noqa: ANN001
    found = {n: v for n, v in change(product="fibroblast").items() if n.startswith("factor:")}
    assert found
    assert all((v <= 1.0).all() and (v > 0).all() for v in found.values())


def test_touch_is_per_area_and_food_per_volume(
    system: System, ensemble: Ensemble, evidence: Evidence, plain: np.ndarray
) -> None:
    index = system.parameter_index
    usual = apply_arm(plain, system, Arm(), evidence, ensemble)
    same = apply_arm(plain, system, Arm(), evidence, ensemble, depth={"well": 200 / 32}, volume=200.0)
    np.testing.assert_allclose(same, usual)
    # the same cells per uL in half the depth are half as many on the floor: it takes twice the cells per uL
    flat = apply_arm(plain, system, Arm(), evidence, ensemble, depth={"well": 100 / 32}, volume=100.0)
    np.testing.assert_allclose(flat[:, index["n0:well"]], 2 * usual[:, index["n0:well"]])
    np.testing.assert_allclose(flat[:, index["capacity:well"]], usual[:, index["capacity:well"]])


def test_blocking_what_the_signal_lowers_does_what_the_signal_would(evidence: Evidence) -> None:
    """TSG-6 lowers NF-kB in macrophages and so raises M2: without NF-kB there is more M2, not less."""
    rate, quiet = "rate becomes M2 of M0", {"product": "none", "stimulus": 0.0}
    arms = {
        "alone": quiet,
        "no NF-kB": {**quiet, "block": ["NF-kB inhibitor"]},
        "no CD44": {**quiet, "block": ["CD44 blocker"]},
    }
    result = run_assay("macrophage-polarisation", arms=arms, readouts=[rate], draws=8, evidence=evidence)
    alone = result.values(rate, "alone", 0.25)
    assert (result.values(rate, "no NF-kB", 0.25) > 1.05 * alone).all()
    np.testing.assert_allclose(result.values(rate, "no CD44", 0.25), alone, rtol=1e-6)
