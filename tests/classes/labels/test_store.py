"""Grades of people: kept once, known wherever the averages lie, taken together."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from cryogauge.classes.labels.session import ClassLabelSession
from cryogauge.classes.labels.store import ClassLabelStore, images_of, read_class_labels
from cryogauge.classes.labels.table import agreed_grades, grade_agreement, labels_csv, per_person
from cryogauge.jobs.turns import Showing
from cryogauge.records import BadInput
from tests.classes.averages import particle, stack_of


def stack(count=4, seed=0):
    rng = np.random.default_rng(seed)
    return stack_of(np.stack([particle(32, rng, radius_px=6) for _ in range(count)]))


def test_the_same_average_keeps_its_grade_when_the_file_moves(tmp_path):
    averages = stack()
    with ClassLabelStore(tmp_path / "labels.sqlite") as store:
        ids = store.add_images(images_of(averages, "/a/job.mrcs"))
        first = images_of(averages)[0].content
        assert store.add(ids[first], "Ada", 2.0, seconds=1.5)
        assert not store.add(ids[first], "Ada", 5.0)
        assert store.add_images(images_of(averages, "/b/job.mrcs")) == ids
        other = store.add_images(images_of(stack(seed=1)))
        assert not set(other.values()) & set(ids.values())
        with pytest.raises(BadInput, match="no grade"):
            store.add(ids[first], "Ben", 0.0)
    table = read_class_labels(tmp_path / "labels.sqlite")
    assert table[["file", "class", "annotator", "grade"]].to_numpy().tolist() == [["/b/job.mrcs", 1, "Ada", 2.0]]


def test_many_at_once_lose_nothing(tmp_path):
    place = tmp_path / "labels.sqlite"
    with ClassLabelStore(place) as one, ClassLabelStore(place) as other:
        ids = list(one.add_images(images_of(stack(10))).values())

        def label(turn):
            return sum((one, other)[turn % 2].add(each, f"p{turn % 4}", 3.0) for each in ids)

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(label, range(8))) == 4 * 10
    assert len(read_class_labels(place)) == 40


def test_what_is_no_store_is_refused_and_left_alone(tmp_path):
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE precious (a)")
    connection.close()
    with pytest.raises(BadInput, match="holds no labels of classes"):
        ClassLabelStore(other)
    with pytest.raises(BadInput, match="does not exist"):
        read_class_labels(tmp_path / "none.sqlite")
    with sqlite3.connect(other) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("precious",)]
    connection.close()


def test_averages_that_cannot_be_seen_are_not_asked_about(tmp_path):
    averages = stack()
    averages.images[1] = np.nan
    averages.images[2] = 0
    with ClassLabelStore(tmp_path / "labels.sqlite") as store:
        session = ClassLabelSession(store, [averages])
        assert session.progress("Ada").total == 2
        for key in session.images:
            assert session.label("Ada", Showing(key, repeat=False), 1.0, seconds=1.0)
        assert session.upcoming("Ada", 4) == []
        assert sorted(read_class_labels(tmp_path / "labels.sqlite")["class"]) == [1, 4]
        averages.images[:] = 0
        with pytest.raises(BadInput, match="no average to label"):
            ClassLabelSession(store, [averages])


def labels(*rows):
    columns = ["file", "class", "annotator", "grade", "repeat"]
    return pd.DataFrame(rows, columns=pd.Index(columns)).assign(pixel_size_A=1.0, seconds=1.0, consent=None)


def test_people_count_alike_however_often_they_looked():
    table = labels(
        ("a", 1, "Ada", 1.0, False), ("a", 1, "Ada", 3.0, True),
        ("a", 1, "Ben", 4.0, False), ("a", 2, "Ben", 5.0, False),
    )  # fmt: skip
    agreed = agreed_grades(table)
    assert agreed[["file", "class", "grade", "people"]].to_numpy().tolist() == [["a", 1, 3.0, 2], ["a", 2, 5.0, 1]]
    assert labels_csv(agreed).splitlines()[0].startswith("file,class,grade")
    pairs = grade_agreement(table)
    assert pairs[["first", "second", "classes"]].to_numpy().tolist() == [
        ["Ada", "Ada", 1], ["Ben", "Ben", 0], ["Ada", "Ben", 1]
    ]  # fmt: skip
    assert pairs["within_one"].tolist()[2] == 0.0
    assert per_person(table)["letters"].tolist() == [[1, 0, 1, 0, 0], [0, 0, 0, 1, 1]]
    assert agreed_grades(table[:0]).empty
