import numpy as np
import pytest

from cryogauge.records import SCORE_COLUMNS
from cryogauge.report.columns import COLUMNS, NOTHING, best_first, cell_text, flag_words, sort_key

BY_NAME = {column.name: column for column in COLUMNS}


def test_columns_are_those_of_the_scores():
    assert set(BY_NAME) == set(SCORE_COLUMNS)
    assert len(COLUMNS) == len(SCORE_COLUMNS)


@pytest.mark.parametrize("nothing", [None, "", float("nan"), np.float32("nan")])
def test_nothing_is_a_dash_and_sorts_as_nothing(nothing):
    row = {"thickness_nm": nothing}
    assert cell_text(BY_NAME["thickness_nm"], row) == NOTHING
    assert sort_key(BY_NAME["thickness_nm"], row) == ""


def test_cells_are_rounded_and_keys_are_not():
    row = {"tomoscore": np.float32(0.56789)}
    assert cell_text(BY_NAME["tomoscore"], row) == "0.57"
    assert float(sort_key(BY_NAME["tomoscore"], row)) == pytest.approx(0.56789)


@pytest.mark.parametrize("flags", [("out_of_domain", "no_ends"), "out_of_domain no_ends", ["out_of_domain", "no_ends"]])
def test_flags_from_a_judgement_or_a_csv(flags):
    row = {"flags": flags}
    assert flag_words(row) == ("out_of_domain", "no_ends")
    assert cell_text(BY_NAME["flags"], row) == "out of domain, no ends"


def test_best_first_breaks_ties_by_name():
    rows = [{"tomogram": name, "tomoscore": score} for name, score in (("b", 0.5), ("x", None), ("a", 0.5), ("c", 0.7))]
    assert [rows[i]["tomogram"] for i in best_first(rows)] == ["c", "a", "b", "x"]
