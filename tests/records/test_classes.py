"""Class averages as they pass between rooms."""

import numpy as np
import pandas as pd
import pytest

from cryogauge.records import CLASS_COLUMNS, RUBRIC, BadInput, ClassStack, score_of_grade


def _table(count: int) -> pd.DataFrame:
    return pd.DataFrame({name: np.arange(1, count + 1) for name in CLASS_COLUMNS})


def test_a_stack_knows_its_box():
    assert ClassStack(np.zeros((3, 64, 64), np.float32), 2.0, _table(3)).box_px == 64


@pytest.mark.parametrize(
    ("shape", "rows", "said"),
    [((3, 64, 60), 3, "square"), ((64, 64), 1, "square"), ((3, 64, 64), 2, "3 images but 2 rows")],
)
def test_what_does_not_fit_together_is_refused(shape, rows, said):
    with pytest.raises(BadInput, match=said):
        ClassStack(np.zeros(shape, np.float32), 2.0, _table(rows))


def test_a_table_without_a_column_is_refused():
    with pytest.raises(BadInput, match="lacks distribution"):
        ClassStack(np.zeros((3, 64, 64), np.float32), 2.0, _table(3).drop(columns="distribution"))


def test_scores_run_against_grades_and_are_clipped():
    grades = [grade for grade, _ in RUBRIC.values()]
    assert score_of_grade(np.array([0.2, *grades, 7.0])).tolist() == [1.0, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
