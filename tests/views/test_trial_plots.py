from dataclasses import replace

from small_trial import small_result

from stromal.views.disease_plots import course_figure, patient_figure
from stromal.views.plots import GREY
from stromal.views.trial_plots import arm_colours, axis_label, first_observable, trial_figure


def test_the_reference_is_grey_and_arms_differ():
    colours = arm_colours(["control", "low", "high"], "control")
    assert colours["control"] == GREY and len(set(colours.values())) == 3
    assert arm_colours(["alone"], "alone")["alone"] != GREY


def test_survival_falls_and_stays_within_its_band():
    figure = trial_figure(small_result())
    ax = figure.axes[0]
    assert len(ax.lines) == len(small_result().trial.arms)
    for line in ax.lines:
        y = line.get_ydata()
        assert y[0] == 100 and (y[1:] <= y[:-1]).all()


def test_no_percentages_of_an_uncalibrated_disease():
    result = small_result()
    figure = trial_figure(replace(result, posterior=replace(result.posterior, calibrated=False)))
    assert not any("%" in ax.get_xlabel() + ax.get_ylabel() for ax in figure.axes if ax.axison)
    assert sum(ax.axison for ax in figure.axes) == 1


def test_labels():
    assert (
        axis_label("effectors", "cells/uL") == "Effectors (cells/\u00b5L)"
        and axis_label("damage", "1") == "Damage"
    )
    assert first_observable(small_result()) in small_result().trial.disease.observables


def test_patient_and_course_have_a_panel_for_each_observable():
    import numpy as np

    from stromal.experiments.course import Course

    paths = {arm: replace(p, days=p.days) for arm, p in small_result().followed.paths.items()}
    figure = patient_figure(paths, {"damage": "1", "Treg": "cells/uL"}, ("damage", "Treg"), next(iter(paths)))
    assert sum(ax.axison for ax in figure.axes) == 2
    days = np.arange(5.0)
    found = [Course(n, "damage", "1", days, days / 9, days / 18, days / 5) for n in ("no drugs", "a", "a, b")]
    ax = course_figure(found, clock="days", enrolled=2.0).axes[0]
    assert ax.get_ylim() == (0.0, 1.0) and len(ax.collections) == 2
