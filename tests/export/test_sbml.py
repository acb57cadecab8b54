"""SBML: valid to libSBML, the same numbers in two other simulators, and citations on every reaction."""

import libsbml
import numpy as np
import pytest
import roadrunner
from simulators import simulate_copasi, simulate_roadrunner, simulate_scipy

from stromal.export.sbml import check_sbml, state_ids, to_sbml, unit_gaps
from stromal.export.sbml_names import identifiers, resource
from stromal.export.sbml_units import parse_unit
from stromal.model.expr import const, exp, log, pos, power, sym
from stromal.model.system import Parameter, Process, State, System

SIMULATORS = [pytest.param(simulate_roadrunner, id="roadrunner"), pytest.param(simulate_copasi, id="copasi")]
TIMES = np.array([0.0, 0.3, 0.9, 1.4, 1.6, 2.0, 3.1, 5.0])
GROUNDING = {
    "IFNG": "UniProt:P01579",
    "TRP": "CHEBI:16828",
    "CD4.active": "CL:0000896",
    "IDO1": "UniProt:P14902",
}
REFERENCES = {"44": "10.1182/blood-2004-04-1559", "Munn1999": "pubmed:10224276"}


def coculture() -> System:
    """Two places, every kind of state, every operation, a signed process, units that need converting."""
    states = (
        State("well:CD4.active", "cell", "well", "CD4.active", "cells/uL", 1000.0),
        State("well:MSC", "cell", "well", "MSC", "cells/uL", 100.0),
        State("well:IFNG", "mediator", "well", "IFNG", "ng/mL"),
        State("insert:IFNG", "mediator", "insert", "IFNG", "ng/mL"),
        State("well:TRP", "mediator", "well", "TRP", "mM", 0.05),
        State("well:KYN", "mediator", "well", "KYN", "mM", 0.05),
        State("well:MSC-EV", "mediator", "well", "MSC-EV", "particles/nL"),
        State("well:TCR", "mediator", "well", "TCR", "relative"),
        State("well:MSC.IDO1", "expression", "well", "IDO1", "relative"),
        State("count:division:CD4", "counter", "well", "CD4", "events/uL", 1000.0),
    )
    parameters = (
        Parameter("base:division", 0.9, "1/day", 2.0, "base", "CD4.active division", "a paper", "measured"),
        Parameter("death", 0.1, "1/day", kind="rate"),
        Parameter("rule:msc:fold", 0.3, "1", 3.0, "fold", "msc", "assumed", "assumed"),
        Parameter("half:IFNG", 20.0, "ng/mL", kind="half_max"),
        Parameter("secretes:IFNG", 3.0, "ng/1e6 cells/day"),
        Parameter("lost", 1.5, "1/day"),
        Parameter("exchange", 4.0, "1/day"),
        Parameter("ido", 0.2, "pmol/cell/day"),
        Parameter("km", 0.02, "mM"),
        Parameter("half-life", 1.2, "day"),
        Parameter("n0", 300.0, "cells/uL"),
        Parameter("ev:uptake", 1e-3, "1/day per (cells/uL)"),
        Parameter("ev:made", 500.0, "particles/cell/day"),
        Parameter("seed", 800.0, "cells/uL"),
    )
    s = {part.name: sym(part.name) for part in (*states, *parameters)}
    cd4, msc, ifng, trp = s["well:CD4.active"], s["well:MSC"], s["well:IFNG"], s["well:TRP"]
    x = power(pos(ifng) / s["half:IFNG"], 1.7)
    assignments = {
        "touches": msc / (s["n0"] + msc + cd4),
        "share touching": 1.0 - exp(-4.0 * sym("touches")),
        "H:IFNG": x / (1.0 + x),
        "appetite": 0.5 * log(2.0 + trp / s["km"]),
        "fold": 1.0 - sym("share touching") * (1.0 - s["rule:msc:fold"]),
    }

    def process(name, rate, refs=(), signed=False, rules=(), **changes):
        pairs = tuple(changes["changes"])
        return Process(name, rate, pairs, "CD4.active", name, rules, refs, signed)

    division = s["base:division"] * cd4 * sym("fold") * sym("appetite") * s["well:TCR"]
    converted = 1e-3 * s["ido"] * msc * s["well:MSC.IDO1"] * trp / (s["km"] + trp)
    relaxing = np.log(2.0) / s["half-life"] * (sym("H:IFNG") - s["well:MSC.IDO1"])
    exchanged = s["exchange"] * (ifng - s["insert:IFNG"])
    processes = (
        process("division", division, ("44", "Munn1999"), rules=("msc",),
                changes=[("well:CD4.active", 1.0), ("count:division:CD4", 1.0)]),
        process("death", s["death"] * cd4, ("44", "99"), changes=[("well:CD4.active", -1.0)]),
        process("IFNG made", 1e-3 * s["secretes:IFNG"] * cd4, ("Munn1999",), changes=[("well:IFNG", 1.0)]),
        process("IFNG lost", s["lost"] * ifng, changes=[("well:IFNG", -1.0)]),
        process("IFNG exchange", exchanged, signed=True, changes=[("well:IFNG", -1.0), ("insert:IFNG", 2.5)]),
        process("TRP>KYN", converted, ("Munn1999",), changes=[("well:TRP", -1.0), ("well:KYN", 1.0)]),
        process("IDO1 relaxes", relaxing, ("44",), signed=True, changes=[("well:MSC.IDO1", 1.0)]),
        process("EV made", 1e-3 * s["ev:made"] * msc, changes=[("well:MSC-EV", 1.0)]),
        process("EV taken up", s["ev:uptake"] * s["well:MSC-EV"] * cd4, changes=[("well:MSC-EV", -1.0)]),
        process("TCR fades", 0.2 / s["half-life"] * s["well:TCR"], changes=[("well:TCR", -1.0)]),
    )  # fmt: skip
    start = {
        "well:CD4.active": s["seed"],
        "well:MSC": 0.1 * s["seed"],
        "well:TRP": const(0.025),
        "well:TCR": const(1.0),
    }
    return System("co-culture", states, parameters, assignments, processes, start)


def stiff() -> System:
    """A fast and a slow part, and high real powers of something that vanishes."""
    states = (
        State("a", "mediator", "well", "a", "ng/mL"),
        State("b", "mediator", "well", "b", "ng/mL", 1e-3),
    )
    parameters = (Parameter("k", 5e3, "1/day"), Parameter("half", 0.5, "ng/mL"))
    a, b, k, half = map(sym, ("a", "b", "k", "half"))
    x = power(pos(a) / half, 3.4)
    processes = (
        Process("a lost", 2.0 * power(pos(a) / half, 1.3) * half, (("a", -1.0),)),
        Process("b made", x / (1.0 + x), (("b", 1.0),)),
        Process("b lost", k * b, (("b", -1.0),)),
    )
    return System("stiff", states, parameters, {}, processes, {"a": const(3.0)})


def scaled_error(found, expected):
    return np.max(np.abs(found - expected), axis=0) / np.maximum(np.max(np.abs(expected), axis=0), 1e-300)


def read(text):
    document = libsbml.readSBMLFromString(text)
    return document, document.getModel()


@pytest.mark.parametrize("guard", [False, True])
@pytest.mark.parametrize("system", [coculture(), stiff()], ids=lambda system: system.name)
def test_libsbml_finds_nothing(system, guard):
    events = [(1.5, {system.states[0].name: (0.5, 3.0)})]
    text = to_sbml(
        system, grounding=GROUNDING, references=REFERENCES, notes="a < b", events=events, guard=guard
    )
    assert check_sbml(text) == []


def test_check_sbml_reports_a_wrong_unit_and_a_broken_document():
    text = to_sbml(coculture())
    _, model = read(text)
    model.getParameter("lost").setUnits("cell")
    wrong = libsbml.writeSBMLToString(model.getSBMLDocument())
    assert any("10541" in line for line in check_sbml(wrong))
    assert check_sbml(text[:-200])


@pytest.mark.parametrize("guard", [False, True])
@pytest.mark.parametrize("simulate", SIMULATORS)
def test_simulators_agree_with_scipy(simulate, guard):
    system = coculture()
    found = simulate(to_sbml(system, guard=guard), TIMES, [state.name for state in system.states])
    assert scaled_error(found, simulate_scipy(system, TIMES)).max() < 1e-6


@pytest.mark.parametrize("simulate", SIMULATORS)
def test_what_is_below_zero_stays_zero(simulate):
    """Damage is the share of tissue that is missing: there is none when it has outgrown its size."""
    a, b = State("a", "cell", "well", "a", "cells/uL"), State("b", "expression", "well", "b", "relative")
    grow = Parameter("grow", 3.0, "1/day")
    full = Parameter("full", 1.0, "cells/uL")
    damage = pos(1.0 - sym("a") / sym("full"))
    processes = (
        Process("growth", sym("grow") * sym("a"), (("a", 1.0),)),
        Process("b", damage, (("b", 1.0),)),
    )
    system = System("damage", (a, b), (grow, full), {}, processes)
    start = [0.5, 0.0]
    found = simulate(to_sbml(system, y0=start), TIMES, ["a", "b"])
    assert found[-1, 1] == pytest.approx((np.log(2.0) - 0.5) / 3.0, rel=1e-4)


@pytest.mark.parametrize("simulate", SIMULATORS)
def test_stiff_and_real_powers(simulate):
    system = stiff()
    found = simulate(to_sbml(system), TIMES, ["b", "a"])
    assert scaled_error(found[:, ::-1], simulate_scipy(system, TIMES)).max() < 1e-6


@pytest.mark.parametrize("simulate", SIMULATORS)
def test_start_values_parameters_and_events(simulate):
    system = coculture()
    names = [state.name for state in system.states]
    y0 = np.array([500.0, 60.0, 2.0, 0.0, 0.03, 0.001, 4.0, 1.0, 0.2, 0.0])
    params = {"half:IFNG": 5.0, "seed": 1.0}
    events = [
        (1.5, {"well:IFNG": (1.0, 8.0), "well:MSC": (0.0, 200.0)}),
        (0.0, {"well:MSC-EV": (1.0, 3.0)}),
        (1.5, {"well:IFNG": (0.5, 0.0), "well:MSC.IDO1": (0.5, 0.5)}),
    ]
    expected = simulate_scipy(system, TIMES, y0, params, events)
    found = simulate(to_sbml(system, y0=y0, params=params, events=events), TIMES, names)
    # at the time of an event tools print what is before or after it
    assert scaled_error(found[1:], expected[1:]).max() < 1e-6
    by_name = to_sbml(system, y0=dict(zip(names, y0, strict=True)), params=params, events=events)
    assert by_name == to_sbml(system, y0=list(y0), params=params, events=events)


def test_amounts_and_concentrations_are_one_number():
    system = coculture()
    ids = list(state_ids(system).values())
    model = roadrunner.RoadRunner(to_sbml(system))
    model.timeCourseSelections = [*ids, *(f"[{sid}]" for sid in ids)]
    run = np.array(model.simulate(0, 2, 5))
    np.testing.assert_array_equal(run[:, : len(ids)], run[:, len(ids) :])


def test_units_and_extents():
    _, model = read(to_sbml(coculture()))
    day = model.getUnitDefinition(model.getTimeUnits()).getUnit(0)
    assert day.getKind() == libsbml.UNIT_KIND_SECOND and day.getMultiplier() == 86400
    assert {c.getSize() for c in model.getListOfCompartments()} == {1.0}
    found = {
        s.getName(): libsbml.UnitDefinition.printUnits(s.getDerivedUnitDefinition(), True)
        for s in model.getListOfSpecies()
    }
    assert found["well:MSC"] == "(1 item)^1, (1e-06 litre)^-1"
    assert found["well:IFNG"] == "(1e-12 gram)^1, (1e-06 litre)^-1"  # = ng/mL
    assert found["well:TRP"] == "(1e-09 mole)^1, (1e-06 litre)^-1"  # = mM
    assert found["well:MSC-EV"] == "(1000 item)^1, (1e-06 litre)^-1"  # = particles/nL
    assert "dimensionless" in found["well:MSC.IDO1"]
    assert all(p.isSetUnits() for p in model.getListOfParameters())


def test_unit_gaps():
    assert unit_gaps(coculture()) == []
    states = (State("x", "mediator", "well", "x", "ng/mL"), State("n", "cell", "well", "n", "cells/uL"))
    made = Process("made", sym("k") * sym("n"), (("x", 1.0),))
    system = System("gap", states, (Parameter("k", 1.0, "1/day"),), {}, (made,))
    (gap,) = unit_gaps(system)
    assert gap.startswith("made: ") and gap.endswith("is in cell/day/uL, not in ng/mL/day")
    assert check_sbml(to_sbml(system)) == []  # with a literal that says what is taken for granted


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("ng/1e6 cells/day", "ng/(1e6 cells)/day"),
        ("1/day per 1e6 cells/mL", "1/day / (1e6 cells/mL)"),
        ("mM", "mmol/L"),
        ("ng/mL", "pg/uL"),
        ("um^3", "1e-9 uL"),
        ("µM", "nmol/mL"),
        ("1/day", "day^-1"),
        ("um**2/s", "86400 um^2/day"),
        ("relative", ""),
        ("50 %", "0.5"),
    ],
)
def test_units_that_are_the_same(text, other):
    assert parse_unit(text).same(parse_unit(other))


@pytest.mark.parametrize("text", ["furlong", "ng//", "ng/(mL", "ng^", "ng)", "ng?"])
def test_bad_units(text):
    with pytest.raises(ValueError, match="unit"):
        parse_unit(text)


def test_bad_unit_names_its_owner():
    system = System("bad", (State("x", "mediator", "well", "x", "IU/mL"),), (), {}, ())
    with pytest.raises(ValueError, match="^x: unit 'IU/mL': 'IU' is not known"):
        to_sbml(system)
    area = System("bad", (State("x", "cell", "well", "x", "cells/mm^2"),), (), {}, ())
    with pytest.raises(ValueError, match="x: .* not an amount in a volume"):
        to_sbml(area)


def test_reactions():
    _, model = read(to_sbml(coculture()))
    exchange = model.getReaction("IFNG_exchange")
    assert exchange.getReversible() and exchange.getSBOTermID() == "SBO:0000655"
    assert [(r.getSpecies(), r.getStoichiometry()) for r in exchange.getListOfReactants()] == [
        ("well_IFNG", 1.0)
    ]
    assert [(p.getSpecies(), p.getStoichiometry()) for p in exchange.getListOfProducts()] == [
        ("insert_IFNG", 2.5)
    ]
    assert exchange.getNumModifiers() == 0
    conversion = model.getReaction("TRP_KYN")
    assert not conversion.getReversible()
    assert {m.getSpecies() for m in conversion.getListOfModifiers()} == {"well_MSC", "well_MSC_IDO1"}
    assert [rule.getVariable() for rule in model.getListOfRules()] == [
        "touches", "share_touching", "H_IFNG", "appetite", "fold",
    ]  # fmt: skip
    parts = [*model.getListOfSpecies(), *model.getListOfReactions(), *model.getListOfParameters()]
    assert all(part.isSetSBOTerm() and part.isSetMetaId() for part in parts)


def test_every_reference_is_there():
    system = coculture()
    _, model = read(to_sbml(system, grounding=GROUNDING, references=REFERENCES))
    for process, reaction in zip(system.processes, model.getListOfReactions(), strict=True):
        assert reaction.getName() == process.name
        described = [
            term.getResourceURI(i)
            for term in (reaction.getCVTerm(j) for j in range(reaction.getNumCVTerms()))
            if term.getBiologicalQualifierType() == libsbml.BQB_IS_DESCRIBED_BY
            for i in range(term.getNumResources())
        ]
        assert described == [resource(REFERENCES[ref]) for ref in process.refs if ref in REFERENCES]
        for ref in process.refs:
            assert (ref in REFERENCES) or f"[{ref}]" in reaction.getNotesString()
    ifng = model.getSpecies("well_IFNG").getCVTerm(0)
    assert ifng.getBiologicalQualifierType() == libsbml.BQB_IS
    assert ifng.getResourceURI(0) == "https://identifiers.org/uniprot:P01579"
    ido = model.getSpecies("well_MSC_IDO1").getCVTerm(0)
    assert ido.getBiologicalQualifierType() == libsbml.BQB_IS_PROPERTY_OF


def test_resources():
    assert resource("CL:0000896") == "https://identifiers.org/CL:0000896"
    assert (
        resource("https://doi.org/10.1/x") == resource("doi:10.1/x") == "https://identifiers.org/doi:10.1/x"
    )
    assert resource("PMID:123") == "https://identifiers.org/pubmed:123"
    assert resource("https://example.org/a") == "https://example.org/a"
    with pytest.raises(ValueError, match="Munn1999"):
        resource("Munn1999")


def test_identifiers_are_legal_stable_and_told_apart():
    states = tuple(
        State(name, "cell", "well", name, "cells/uL") for name in ("a.b", "a-b", "1a", "time", "well")
    )
    system = System("ids", states, (), {}, (Process("a+b", const(1.0), (("1a", 1.0),)),))
    ids = identifiers(system)
    assert len(set(ids.values())) == len(ids)
    assert all(libsbml.SyntaxChecker.isValidSBMLSId(sid) for sid in ids.values())
    assert ids["symbol", "1a"] == "_1a" and ids["symbol", "time"] == "time_"
    fewer = System("ids", states[:1:-1] + states[:2], (), {}, system.processes)
    assert identifiers(fewer) == ids
    assert to_sbml(system) == to_sbml(system)
    _, model = read(to_sbml(system))
    assert {model.getElementBySId(sid).getName() for sid in ids.values()} == {name for _, name in ids}
    with pytest.raises(ValueError, match="twice"):
        identifiers(System("ids", states + states[:1], (), {}, ()))


def test_wrong_arguments():
    system = stiff()
    with pytest.raises(ValueError, match="no state 'c'"):
        to_sbml(system, y0={"c": 1.0})
    with pytest.raises(ValueError, match="3 values for 2 parameters"):
        to_sbml(system, params=[1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="no state 'c'"):
        to_sbml(system, events=[(1.0, {"c": (1.0, 0.0)})])
