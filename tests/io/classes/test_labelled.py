"""Averages with people's labels."""

import numpy as np
import pytest
from PIL import Image

from cryogauge.io.classes import read_labelled_classes
from cryogauge.io.classes.labelled import scores_of_categories
from cryogauge.records import BadInput
from tests.io.classes.makers import pictures, write_relion, write_stack


def ranker_job(folder, categories, score="0.8"):
    write_relion(folder, [1, 2], run="run_", count=len(categories), resolution=("5.0", "10.0", "-nan"))
    rows = "\n".join(str(each) for each in categories)
    (folder / "backup_selection.star").write_text(f"data_\n\nloop_\n_rlnSelected #1\n{rows}\n")
    (folder / "job_score.txt").write_text(score + "\n")


def test_categories_are_scored_as_the_class_ranker_learned_them():
    categories, resolution = np.array([1, 5, 2, 3, 4, 6, 0]), np.full(7, 8.0)
    np.testing.assert_allclose(scores_of_categories(categories, resolution, 1.0), [1, 0.75, 0.5, 0.25, 0.25, 0, 0])
    np.testing.assert_allclose(
        scores_of_categories(np.array([1, 1, 1]), np.array([5.0, 10.0, np.nan]), 0.8),
        0.8 * np.array([1.0, 0.75 + 0.25 / 4, 0.75]),
    )
    assert not scores_of_categories(np.array([0, 6]), np.full(2, np.nan), 1.0).any()


def test_the_class_ranker_set_is_read_job_by_job(tmp_path):
    ranker_job(tmp_path / "aaa", [1, 0, 5])
    ranker_job(tmp_path / "bbb", [2, 6, 3], "0")
    (first, truth), (second, worst) = read_labelled_classes(tmp_path)
    np.testing.assert_allclose(truth["grade"], 5 - 4 * 0.8 * np.array([1.0, 0.0, 0.5]))
    assert truth["class"].tolist() == first.table["class"].tolist()
    assert worst["grade"].tolist() == [5, 5, 5]
    assert second.program == "relion"
    ranker_job(tmp_path / "aaa", [1, 0, 5], "1.5")
    with pytest.raises(BadInput, match=r"says 1.5"):
        read_labelled_classes(tmp_path / "aaa")
    ranker_job(tmp_path / "aaa", [1, 0, 5])
    (tmp_path / "aaa" / "backup_selection.star").write_text("data_\n\nloop_\n_rlnSelected #1\n1\n2\n")
    with pytest.raises(BadInput, match=r"2 categories, .* 3 classes"):
        read_labelled_classes(tmp_path)


def test_good_and_bad_folders(tmp_path):
    for word in ("Good", "bad"):
        (tmp_path / word).mkdir()
    write_stack(tmp_path / "Good" / "a.mrcs", pictures(3))
    for number, size in enumerate((12, 12, 20)):
        Image.fromarray(np.zeros((size, size), np.uint8)).save(tmp_path / "bad" / f"{number}.png")
    found = read_labelled_classes(tmp_path)
    assert [(len(stack.images), truth["grade"].unique().tolist()) for stack, truth in found] == [
        (3, [2.0]), (2, [5.0]), (1, [5.0])
    ]  # fmt: skip
    (tmp_path / "Good" / "a.mrcs").unlink()
    with pytest.raises(BadInput, match="holds no averages"):
        read_labelled_classes(tmp_path)
    (tmp_path / "x").mkdir()
    with pytest.raises(BadInput, match="holds no labels"):
        read_labelled_classes(tmp_path / "x")


def test_a_table_of_letters_and_numbers(tmp_path):
    write_stack(tmp_path / "a.mrcs", pictures(4))
    for name in ("p1", "p2"):
        Image.fromarray(np.zeros((12, 12), np.uint8)).save(tmp_path / f"{name}.png")
    labels = tmp_path / "labels.csv"
    labels.write_text(
        "file,class,grade,pixel_size_A\na.mrcs,3,B,2.5\na.mrcs, 1 ,4.5,2.5\na.mrcs,2,,\np2.png,,f,\np1.png,, A,\n"
    )
    (stack, truth), (shown, graded) = read_labelled_classes(labels)
    np.testing.assert_array_equal(truth["grade"], [4.5, np.nan, 2.0, np.nan])
    assert stack.pixel_size_A == 2.5
    assert dict(zip(shown.table["file"], graded["grade"], strict=True)) == {"p1.png": 1.0, "p2.png": 5.0}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("a.mrcs,9,B", "class 9"),
        ("a.mrcs,1,B\na.mrcs,1,C", "twice"),
        ("a.mrcs,1,E", "the grade E"),
        ("a.mrcs,1,7", "the grade 7"),
        ("a.mrcs,x,B", "no number"),
        ("a.mrcs,,B", "names no class"),
        ("none.mrcs,1,B", "does not exist"),
        ("", "no labels"),
    ],
)
def test_labels_that_do_not_fit_are_refused(tmp_path, rows, said):
    write_stack(tmp_path / "a.mrcs", pictures(4))
    (tmp_path / "labels.csv").write_text(f"file,class,grade\n{rows}\n")
    with pytest.raises(BadInput, match=said):
        read_labelled_classes(tmp_path / "labels.csv")
