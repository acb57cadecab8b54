import numpy as np
import pytest

from stromal.errors import InputError
from stromal.views.plots import Curve, dose_response, phrase, ratio_label, save, step_value, time_course


def curve(label, scale=1.0):
    x = np.array([1.0, 0.1, 0.01])
    return Curve(
        label,
        x,
        scale * np.array([10.0, 50.0, 90.0]),
        scale * np.array([5.0, 30.0, 70.0]),
        scale * np.array([20.0, 70.0, 110.0]),
    )


@pytest.mark.parametrize(("text", "value"), [("1:10", 0.1), ("2:1", 2.0), ("300 particles/nL", 300.0)])
def test_step(text, value):
    assert step_value(text) == value


def test_ratio_label_is_the_inverse_of_a_step():
    for text in ("1:1", "1:2", "1:40", "1:100", "2:1"):
        assert ratio_label(step_value(text)) == text


def test_axis_says_what_is_read_and_its_unit():
    assert (
        phrase("events division of T in last 18 h", "events/uL")
        == "Divisions of T cells in last 18 h\n(per \u00b5L)"
    )
    assert phrase("share Th17 of CD4", "%") == "Th17 among CD4 cells\n(%)"
    assert phrase("expression MSC.PD-L1", "relative") == "PD-L1 of MSC\n(relative)"


def test_names_of_lines_do_not_meet():
    curves = [curve("MSC"), curve("MSC, IFNG-primed, transwell", 1.02), curve("MSC, anti-PD-L1", 1.01)]
    figure = dose_response(curves, ylabel="y", without=(100.0, 100.0, 100.0))
    figure.draw_without_rendering()
    boxes = [t.get_window_extent() for t in figure.axes[0].texts]
    assert len(boxes) == 4
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            assert not a.overlaps(b)


def test_svg_text_is_text(tmp_path):
    path = save(time_course([curve("no MSC"), curve("MSC 1:10")], ylabel="Cells"), tmp_path / "x.svg")
    assert b"MSC 1:10" in path.read_bytes()


def test_an_unknown_kind_is_refused(tmp_path):
    with pytest.raises(InputError, match="gif"):
        save(dose_response([curve("MSC")], ylabel="y"), tmp_path / "x.gif")
    assert not list(tmp_path.iterdir())
