"""Agreement of people."""

import pandas as pd
import pytest

from cryogauge.jobs.agreement import weighted_kappa
from cryogauge.records import BadInput
from cryogauge.score.labels.agreement import agreement
from cryogauge.score.labels.people import check_name, per_person


def _labels(*rows):
    table = pd.DataFrame(rows, columns=pd.Index(["annotator", "z", "category", "repeat"]))
    return table.assign(uri="/d/one.mrc", seconds=2.0)


def test_pairs_and_repeats():
    table = _labels(
        ("Ada", 1, 3, False), ("Ada", 2, 4, False), ("Ada", 3, 0, False), ("Ada", 1, 4, True),
        ("Ben", 1, 3, False), ("Ben", 2, 2, False), ("Ben", 9, 2, False), ("Cy", 100, 1, False),
    )  # fmt: skip
    rows = agreement(table).set_index(["first", "second"])
    assert rows.index.tolist() == [
        ("Ada", "Ada"), ("Ben", "Ben"), ("Cy", "Cy"), ("Ada", "Ben"), ("Ada", "Cy"), ("Ben", "Cy"),
    ]  # fmt: skip
    assert rows.loc[("Ada", "Ada"), ["slices", "exact", "within_one"]].tolist() == [1, 0.0, 1.0]
    assert rows.loc[("Ada", "Ben"), ["slices", "exact", "within_one"]].tolist() == [2, 0.5, 0.5]
    assert rows.loc[("Ada", "Ben"), "kappa"] == pytest.approx(weighted_kappa([3, 4], [3, 2]))
    assert rows.loc[("Ben", "Cy"), "slices"] == 0
    assert rows.loc[("Ben", "Cy"), ["exact", "within_one", "kappa"]].isna().all()
    people = per_person(table).set_index("annotator")
    assert people.loc["Ada", "labels"] == 4
    assert people.loc["Ada", "repeats"] == 1
    assert people.loc["Ada", "categories"] == [1, 0, 0, 1, 2, 0]


def test_nothing_labelled():
    assert agreement(_labels()).empty
    assert per_person(_labels()).empty


def test_names():
    assert check_name("  Ada   Lovelace ") == "Ada Lovelace"
    assert check_name("結晶 7") == "結晶 7"
    for wrong in ("", "  ", "=1+1", "-x", "@x", "x" * 65, "a\x00b", "<b>"):
        with pytest.raises(BadInput, match="no name"):
            check_name(wrong)
