import pytest
from small_trial import NAME, run_small

from stromal.errors import InputError
from stromal.experiments.dosing import doses
from stromal.experiments.therapy import parse_therapy
from stromal.experiments.trial import load_trial
from stromal.experiments.trial_options import MOST_ARMS, as_table, with_options


@pytest.fixture(scope="module")
def trial(evidence):
    return load_trial(NAME, evidence)


def product(trial):
    return next(arm for arm in trial.arms if arm.product)


def given(arm, evidence):
    return [
        (d.time, d.what, float(d.amount), d.unit, {k: float(v) for k, v in d.places.items()})
        for d in doses(arm.therapies, 70.0, evidence)
    ]


@pytest.mark.parametrize(
    ("options", "key", "says"),
    [
        ({"n": 0}, "n", "0 patients an arm"),
        ({"n": -3}, "n", "-3 patients an arm"),
        ({"n": 10**6}, "n", "20000"),
        ({"give": "MCS"}, "give", "did you mean 'MSC'?"),
        ({"give": "MSC-EV"}, "amt", "particles"),
        ({"days": "0 7000"}, "days", "after the end of follow-up"),
        ({"time": 7000, "addl": 0}, "", "after the end of follow-up"),
        ({"amt": "-1e6 cells/kg"}, "amt", "not a positive amount"),
        ({"amt": "0 cells/kg"}, "amt", "not a positive amount"),
        ({"amt": "1e6"}, "amt", "not a number with a unit"),
        ({"amt": "1 parsec"}, "amt", "cells"),
        ({"cmt": "lungs"}, "cmt", "did you mean 'lung'?"),
        ({"route": "IVV"}, "route", "did you mean 'IV'?"),
        ({"amt": "1e8 cells", "cap": "1e7 cells"}, "cap", "never be given"),
        ({"source": "bone"}, "source", "did you mean 'bone_marrow'?"),
        ({"species": "humam"}, "species", "did you mean 'human'?"),
        ({"viability": 1.5}, "viability", "not a share"),
        ({"ii": 0}, "ii", "not positive"),
        ({"addl": -1}, "addl", "at least 0"),
        ({"priming": ["INFG"]}, "priming", "did you mean 'IFNG'?"),
        ({"block": ["PDL1"]}, "block", "did you mean 'PD-L1'?"),
        ({"knockout": ["IDO1"]}, "knockout", "OWNER.NODE"),
        ({"background": ["give=steroid"]}, "background.amt", "is missing"),
        ({"background": ["give=MSC, amt=1 cells, route=IV"]}, "background", "no control"),
        ({"with_product": ["give=MSC, amt=1 cells, route=IV"]}, "with_product", "one product"),
        ({"only": ["placebo arm"]}, "only", "no arm"),
        ({"amt": [f"{i}e6 cells/kg" for i in range(1, 20)]}, "arms", str(MOST_ARMS)),
        ({"amt": ["1e7 cells/kg", "1e7 cells/kg"]}, "arms", "two arms"),
        ({"dose": "1 cells"}, "dose", "no option"),
        ({"regimen": "nowhere.csv"}, "", "nowhere.csv"),
        ({"regimen": "nowhere.csv", "amt": "1e6 cells/kg"}, "amt", "is in the regimen"),
    ],
)
def test_what_cannot_be_given_is_said(trial, evidence, options, key, says):
    with pytest.raises(InputError) as err:
        with_options(trial, evidence, **options)
    assert says in str(err.value)
    assert key in err.value.key


def test_a_trial_without_product_takes_no_options(trial, evidence):
    control = with_options(trial, evidence, only=[trial.reference])
    assert control.reference == ""
    with pytest.raises(InputError, match="no arm of this trial"):
        with_options(control, evidence, amt="1e6 cells/kg")


def test_a_therapy_is_read_back_from_its_keys(trial, evidence):
    for table in (
        {"give": "MSC", "amt": "2e6 cells/kg", "cap": "2e8 cells", "route": "IV", "days": [0, 3, 17]},
        {"give": "MSC", "amt": "1e8 cells", "cmt": "lung", "time": 2, "priming": ["IFNG"], "viability": 0.7},
        {"give": "MSC-EV", "amt": "1e11 particles", "route": "IV", "ii": 3.5, "addl": 7},
    ):
        therapy = parse_therapy(table, evidence)
        assert parse_therapy(as_table(therapy), evidence) == therapy


def test_several_values_make_several_arms(trial, evidence):
    made = with_options(trial, evidence, amt=["1e6 cells/kg", "8e6 cells/kg"], addl=[0, 3], n=7)
    assert len(made.arms) == 1 + 4 and {arm.n for arm in made.arms} == {7}
    assert len({arm.name for arm in made.arms}) == 5
    assert made.arms[0].therapies == trial.arms[0].therapies
    assert {len(arm.product.days) for arm in made.arms if arm.product} == {1, 4}


def test_names_say_what_was_changed(trial, evidence):
    own = product(trial).name
    made = with_options(
        trial, evidence, source="umbilical_cord", priming=["IFNG"], block=["PD-L1"], all_arms=True
    )
    assert [a.name for a in made.arms if a.product] == [
        own,
        f"{own}, umbilical cord, IFNG-primed, PD-L1 blocked",
    ]
    dead = with_options(trial, evidence, give="apoptotic MSC")
    assert product(dead).name == "apoptotic MSC"


def test_options_keep_what_they_do_not_change(trial, evidence):
    was = product(trial).product
    now = product(with_options(trial, evidence, cmt="lymphoid")).product
    assert (now.place, now.route) == ("lymphoid", "") and now.days == was.days and now.amount == was.amount
    assert product(with_options(trial, evidence, until=15)).product.days == (0.0, 7.0, 14.0)
    assert product(with_options(trial, evidence, days="0 3 17")).product.days == (0.0, 3.0, 17.0)


def test_drugs_go_where_they_were_asked_for(trial, evidence):
    drug = "give=steroid, amt=1 relative, route=IV, days=0 7"
    both = with_options(trial, evidence, background=[drug])
    assert len(both.background) == len(trial.background) + 1 and both.arms == trial.arms
    one = with_options(trial, evidence, with_product=[drug])
    assert [t.give for t in product(one).therapies] == ["MSC", "steroid"]
    assert product(one).name.endswith("with steroid")


def test_reports_are_of_the_trial_as_it_was(trial, evidence):
    from stromal.experiments.trial import Reported

    own = product(trial).name
    said = Reported(endpoint=trial.spec.primary, arm=own, value=50, source="made up")
    told = with_options(trial, evidence)
    spec = trial.spec.model_copy(update={"reported": (said,)})
    told = type(trial)(spec, trial.disease, trial.arms, trial.background, trial.endpoints, trial.file)
    assert with_options(told, evidence).spec.reported == (said,)
    for options in (
        {"n": 5},
        {"amt": "9e6 cells/kg"},
        {"background": ["give=steroid, amt=1 relative, route=IV"]},
    ):
        assert with_options(told, evidence, **options).spec.reported == ()
    assert with_options(told, evidence, amt="9e6 cells/kg", all_arms=True).spec.reported == (said,)


@pytest.mark.parametrize(
    "rows",
    [
        "1,0,1e6,IV,7,3\n",
        "1,0,1e6,IV,.,.\n1,7,1e6,IV,.,.\n1,14,1e6,IV,.,.\n1,21,1e6,IV,.,.\n",
    ],
)
def test_a_regimen_is_the_same_as_words(trial, evidence, tmp_path, rows):
    (tmp_path / "r.csv").write_text("ID,TIME,AMT,CMT,II,ADDL\n" + rows)
    words = with_options(trial, evidence, amt="1e6 cells/kg", time=0, ii=7, addl=3)
    table = with_options(trial, evidence, regimen=tmp_path / "r.csv", regimen_unit="cells/kg")
    assert given(product(words), evidence) == given(product(table), evidence)
    if len(rows) < 20:
        a, b = run_small(words, evidence), run_small(table, evidence)
        name, other = product(words).name, product(table).name
        for key, values in a.followed.paths[name].values.items():
            assert values.tobytes() == b.followed.paths[other].values[key].tobytes()
        assert [x.samples.tobytes() for x in a.summary.arms] == [x.samples.tobytes() for x in b.summary.arms]


def test_each_id_of_a_regimen_is_an_arm(trial, evidence, tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("ID,TIME,AMT,CMT\nlow,0,1e6,IV\nhigh,0,8e6,IV\n")
    made = with_options(trial, evidence, regimen=path)
    assert [a.name.rpartition(", ")[2] for a in made.arms if a.product] == ["ID low", "ID high"]
    path.write_text("ID,TIME,AMT,CMT,EVID\nlow,0,1e6,IV,1\nnone,0,.,IV,0\n")
    with pytest.raises(InputError, match="ID none has no dose"):
        with_options(trial, evidence, regimen=path)
    path.write_text("ID,TIME,AMT,CMT\n1,0,-1e6,IV\n")
    with pytest.raises(InputError, match="r.csv, line 2"):
        with_options(trial, evidence, regimen=path)
