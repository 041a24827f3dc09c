"""Which classes are kept, by grade and by hand, and whether grades and averages belong together."""

import json

import numpy as np
import pandas as pd
import pytest
import starfile
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.classes.grade import Graded, averages_checksum, write_grades
from cryogauge.classes.select import choose_classes, read_graded, select_graded
from cryogauge.io.classes import open_classes
from cryogauge.records import REASONS, BadInput, score_of_grade
from tests.io.classes.makers import write_cryosparc, write_relion

NUMBERS = st.sets(st.integers(1, 8))


def table(grades):
    return pd.DataFrame({"class": np.arange(1, len(grades) + 1), "grade": grades})


@given(st.lists(st.floats(0, 6), min_size=8, max_size=8), st.floats(0, 6), NUMBERS, NUMBERS)
def test_a_hand_outweighs_a_grade_and_nothing_else_is_changed(grades, cutoff, keep, drop):
    drop -= keep
    choice = choose_classes(table(grades), cutoff, keep=keep, drop=drop)
    by_grade = {number for number, grade in enumerate(grades, 1) if grade <= cutoff}
    assert set(choice.classes) == (by_grade | keep) - drop
    assert set(choice.table.loc[choice.table["by_hand"], "class"]) == set(choice.classes) ^ by_grade
    wider = choose_classes(table(grades), cutoff + 1, keep=keep, drop=drop)
    assert set(choice.classes) <= set(wider.classes)


def test_what_contradicts_itself_or_is_not_there_is_refused():
    with pytest.raises(BadInput, match="class 2 is to be kept and dropped"):
        choose_classes(table([1.0, 2.0]), 3, keep=[2], drop=[2])
    with pytest.raises(BadInput, match="no class 9"):
        choose_classes(table([1.0, 2.0]), 3, keep=[9])
    assert choose_classes(table([np.nan, 2.0]), 3).classes == [2]


def rows_of(path):
    """The class of each particle, as another reader of STAR files finds it."""
    blocks: dict = starfile.read(path, always_dict=True)  # pyright: ignore[reportAssignmentType]
    return blocks["particles"]["rlnClassNumber"].tolist()


def graded(folder, grades):
    """A job with these grades, in a folder of its own."""
    stack = open_classes(folder)
    rows = stack.table.assign(grade=grades, score=score_of_grade(np.array(grades)), uncertainty=0.2, mass_kDa=np.nan)
    rows["flags"] = pd.Series([()] * len(grades), dtype=object)
    for name in REASONS:
        rows[f"p_{name}"] = 0.0
    settings = {
        "source": stack.source, "pixel_size_A": stack.pixel_size_A, "averages_checksum": averages_checksum(stack)
    }  # fmt: skip
    out = folder.parent / "graded"
    out.mkdir(exist_ok=True)
    write_grades(out, Graded(stack, rows, settings))
    return out


def test_from_grades_to_relions_particles(tmp_path):
    write_relion(tmp_path / "job012", [1, 2, 3, 3, 1, 3])
    again = read_graded(graded(tmp_path / "job012", [1.5, 4.0, 2.0]))
    selected = select_graded(again, choose_classes(again.grades, 3.5, drop=[1]), tmp_path / "selected")
    assert (selected.particles, selected.excluded, selected.classes) == (3, 3, (3,))
    assert rows_of(tmp_path / "selected" / "particles.star") == [3, 3, 3]
    choice = pd.read_csv(tmp_path / "selected" / "selection.csv")
    assert choice.to_dict("list") == {
        "class": [1, 2, 3], "grade": [1.5, 4.0, 2.0], "kept": [False, False, True], "by_hand": [True, False, False]
    }  # fmt: skip
    told = json.loads((tmp_path / "selected" / "selection.json").read_text())
    assert (told["dropped_by_hand"], told["kept_by_hand"], told["cutoff"]) == ([1], [], 3.5)


def test_from_grades_to_cryosparcs_particles(tmp_path):
    write_cryosparc(tmp_path / "J12", [0, 1, 1, 2], count=3)
    again = read_graded(graded(tmp_path / "J12", [1.0, 4.0, 2.0]))
    selected = select_graded(again, choose_classes(again.grades, 3.5), tmp_path / "selected")
    assert (selected.program, selected.particles, selected.excluded) == ("cryosparc", 2, 2)


def test_grades_of_another_run_are_refused(tmp_path):
    write_relion(tmp_path / "job012", [1, 2, 3])
    folder = graded(tmp_path / "job012", [1.5, 4.0, 2.0])
    write_relion(tmp_path / "job012", [1, 2, 3], seed=1)
    with pytest.raises(BadInput, match="other averages than those that were graded"):
        read_graded(folder)
    (folder / "grades.json").write_text("{}")
    with pytest.raises(BadInput, match="does not say which averages"):
        read_graded(folder)
    with pytest.raises(BadInput, match="cannot be read"):
        read_graded(tmp_path)
