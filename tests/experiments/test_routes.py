"""Shares of a dose: whole, positive, and as spread as the table says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small import small_evidence

from stromal.errors import InputError
from stromal.evidence import Evidence
from stromal.evidence.records import PLACES
from stromal.experiments import prior_ensemble
from stromal.experiments.routes import route_names, route_shares


def test_every_route_sums_to_one_in_the_table_and_in_each_draw(evidence: Evidence) -> None:
    ensemble = prior_ensemble(evidence, 200)
    for route, what in {(r, w) for r, w, _ in evidence.routes}:
        plain = route_shares(evidence, route, what)
        assert sum(plain.values()) == pytest.approx(1, abs=1e-12)
        for place, share in plain.items():
            assert place in PLACES
            assert share == pytest.approx(evidence.routes[route, what, place].share)
        drawn = route_shares(evidence, route, what, ensemble)
        np.testing.assert_allclose(sum(drawn.values()), np.ones(200), atol=1e-12)
        assert all(np.all(share > 0) for share in drawn.values())


def test_escape_from_the_lung_covers_what_was_measured(evidence: Evidence) -> None:
    lung = route_shares(evidence, "IV", "cells", prior_ensemble(evidence, 4000))["lung"]
    low, middle, high = np.quantile(1 - lung, [0.05, 0.5, 0.95])
    assert low < 0.004, "0.15 % escapes in the rat"
    assert 0.02 < middle < 0.08
    assert 0.4 < high < 0.7, "70 % of the label is not in the lung of a cirrhotic patient"


def test_vesicles_go_to_the_liver_as_measured(evidence: Evidence) -> None:
    liver = route_shares(evidence, "IV", "vesicles", prior_ensemble(evidence, 4000))["liver"]
    low, high = np.quantile(liver, [0.05, 0.95])
    assert low == pytest.approx(0.3, abs=0.08) and high == pytest.approx(0.8, abs=0.08)


def test_a_share_does_not_depend_on_how_many_draws_are_asked_for(evidence: Evidence) -> None:
    few, many = (route_shares(evidence, "IP", "cells", prior_ensemble(evidence, n))["rest"] for n in (3, 9))
    np.testing.assert_array_equal(few, many[:3])


def test_the_median_draw_is_the_table(evidence: Evidence) -> None:
    middle = route_shares(evidence, "IA", "cells", prior_ensemble(evidence, 5).median())
    assert middle["target"] == pytest.approx([0.92])


def test_an_unknown_route_is_named_with_the_nearest(evidence: Evidence) -> None:
    assert "IV" in route_names(evidence, "cells") and "oral" not in route_names(evidence, "cells")
    with pytest.raises(InputError, match="no route 'inhale' for cells.*did you mean 'inhaled'"):
        route_shares(evidence, "inhale", "cells")


ROUTE = {
    "route": "IV",
    "what": "cells",
    "source": "made for a test",
    "status": "assumed",
    "strength": "assumed",
}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"place": "lung", "share": "0.9"}], "routes.csv, line 2, share: .*sum to 0.9, not 1"),
        ([{"place": "lungs", "share": "1"}], "routes.csv, line 2, place: no place 'lungs'.*'lung'"),
        ([{"place": "lung", "share": "1.2"}], "routes.csv, line 2, share"),
        ([{"place": "lung", "share": "0"}], "routes.csv, line 2, share"),
        ([{"place": "lung", "share": "1", "what": "cell"}], "routes.csv, line 2, what.*'cells'"),
        ([{"place": "lung", "share": "1", "refs": "Nobody1999"}], "routes.csv, line 2, refs: no reference"),
        ([{"place": "lung", "share": "1", "spread": "1.2"}], "routes.csv, line 2: an assumed number"),
        ([{"place": "lung", "share": "0.5"}] * 2, "routes.csv, line 3, route: IV / cells / lung stands on line 2"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_table_is_named(rows: list[dict[str, str]], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        small_evidence(tmp_path, {"routes": [{**ROUTE, **row} for row in rows]})
