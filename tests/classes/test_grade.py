import numpy as np
import pandas as pd
import pytest
import torch

from cryogauge.classes.accuracy import grade_accuracy
from cryogauge.classes.grade import grade_classes, grade_path
from cryogauge.classes.model import domain_table, save_grader, strangeness
from cryogauge.classes.network import build
from cryogauge.classes.presets import find_preset
from cryogauge.classes.shipped import grader_weights
from cryogauge.io import MrcWriter
from cryogauge.learn.weights import read_card
from cryogauge.records import REASONS, BadInput
from cryogauge.records.classes import GRADE_COLUMNS
from cryogauge.simulate.classes import ClassSetSettings, make_class_set
from tests.classes.averages import particle, stack_of


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """An untaught grader whose grades differ from image to image."""
    torch.manual_seed(0)
    network = build("grader").eval()
    with torch.no_grad():
        network.grade.weight.mul_(30)
    path = tmp_path_factory.mktemp("weights") / "grader.safetensors"
    save_grader(
        network, find_preset("grader"), path, recipe="none", data="none", seed=0, code_version="0",
        settings={"spread": 2.0},
    )  # fmt: skip
    return path


@pytest.fixture(scope="module")
def averages() -> np.ndarray:
    rng = np.random.default_rng(5)
    images = [particle(100, rng, radius_px=20, detail_px=3.0) + 0.05 * rng.normal(size=(100, 100)) for _ in range(5)]
    return np.stack(images).astype(np.float32)


def grades(images, weights) -> np.ndarray:
    return grade_classes(stack_of(images), model=weights)["grade"].to_numpy()


def test_every_class_gets_a_row_of_all_columns(averages, weights):
    told = {"class": [7, 3, 5, 1, 2], "resolution_A": [5.0, 6.0, 999.0, 8.0, np.nan]}
    table = grade_classes(stack_of(averages, **told), model=weights, mass_factor=0.2)
    assert list(table.columns) == [*GRADE_COLUMNS, *(f"p_{name}" for name in REASONS)]
    assert table["class"].tolist() == [7, 3, 5, 1, 2]
    assert table["resolution_A"].tolist()[:3] == [5.0, 6.0, 999.0]
    assert table["score"].to_numpy() == pytest.approx(np.clip((5 - table["grade"]) / 4, 0, 1))
    assert (table["uncertainty"] > 0).all()
    assert (table["mass_kDa"] > 0).all()
    assert np.ptp(table["grade"]) > 0.05


def test_grades_do_not_hang_on_turns_mirrors_contrast_or_grey_values(averages, weights):
    before = grades(averages, weights)
    for changed in (
        np.roll(averages[:, ::-1], 1, 1),  # about pixel 50, the middle
        np.roll(np.rot90(averages, 1, (1, 2)), 1, 1),
        5.0 - 40.0 * averages,
    ):
        assert grades(np.ascontiguousarray(changed), weights) == pytest.approx(before, abs=0.05)


def test_classes_that_show_nothing_are_graded_worst_and_say_why(averages, weights):
    images = averages.copy()
    images[0, 3, 3] = np.nan
    images[1] = 0.0
    table = grade_classes(stack_of(images), model=weights)
    assert table["grade"].tolist()[:2] == [5.0, 5.0]
    assert table["flags"].tolist()[:2] == [("nan",), ("empty",)]
    assert table["p_empty"].iloc[1] == 1.0
    assert np.isnan(table["mass_kDa"].iloc[0])
    alone = grade_classes(stack_of(images[:2]), model=weights)
    assert alone["score"].tolist() == [0.0, 0.0]


def test_one_class_alone_is_graded_and_nothing_need_be_told(averages, weights):
    table = grade_classes(stack_of(averages[:1], pixel_size_A=None), model=weights)
    assert np.isfinite(table["grade"].iloc[0])
    assert np.isnan(table["mass_kDa"].iloc[0])


def test_small_boxes_and_other_weights_are_refused(averages, weights, tmp_path):
    with pytest.raises(BadInput, match="30 px"):
        grade_classes(stack_of(averages[:, :30, :30]), model=weights)
    with pytest.raises(BadInput, match="no model card"):
        grade_classes(stack_of(averages), model=tmp_path / "none.safetensors")


def test_strange_classes_are_told_by_their_distance():
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(8, 8))
    learned, kept = rng.normal(size=(3000, 8)) @ mixing, rng.normal(size=(500, 8)) @ mixing
    table = domain_table(learned, kept)
    assert (strangeness(kept, table) <= table["limit"]).all()
    # of eight independent normal numbers the squared distance is 8 on average; the covariance is rounded up
    assert np.mean(strangeness(kept, table) ** 2) == pytest.approx(8, rel=0.3)
    assert strangeness(kept[:1] + 30, table)[0] > table["limit"]


def test_flags_name_the_reasons_and_what_is_strange(averages, tmp_path):
    torch.manual_seed(0)
    network = build("grader").eval()
    with torch.no_grad():
        network.reasons.weight.zero_()
        network.reasons.bias.copy_(torch.tensor([3.0 if name in ("edge", "ice") else -3.0 for name in REASONS]))
        network.reasons.bias[list(REASONS).index("ice")] = 5.0
    domain = {"mean": [1e3] * 64, "inverse_covariance": np.eye(64).tolist(), "limit": 1.0}
    path = tmp_path / "grader.safetensors"
    save_grader(
        network, find_preset("grader"), path, recipe="none", data="none", seed=0, code_version="0",
        settings={"spread": 1.0}, tables={"domain": domain},
    )  # fmt: skip
    table = grade_classes(stack_of(averages), model=path)
    assert set(table["flags"]) == {("ice", "edge", "out_of_domain")}
    assert isinstance(table, pd.DataFrame)


def test_the_grader_that_comes_along_tells_good_from_bad_whatever_the_looks():
    path = grader_weights(None)
    assert path.stat().st_size < 5_000_000
    assert any("simulated" in limit for limit in read_card(path).limits)
    job = make_class_set(ClassSetSettings(classes=(24, 24), box_px=(64, 96)), 8_000_003)
    stack, truth = job.stack, job.truth["grade"].to_numpy()
    found = grade_classes(stack)["grade"].to_numpy()
    assert grade_accuracy(truth, found)["spearman"] > 0.7
    bare = stack_of(stack.images, pixel_size_A=None, distribution=np.nan)
    before = grade_classes(bare)["grade"].to_numpy()
    width = stack.box_px // 8
    for changed in (
        -stack.images,
        300 * stack.images + 1e4,
        np.pad(stack.images, ((0, 0), (width, width), (width, width))),
    ):
        after = grade_classes(stack_of(changed, pixel_size_A=None, distribution=np.nan))["grade"].to_numpy()
        assert np.abs(after - before).mean() < 0.1


def test_the_masses_of_pictures_are_missing_and_the_notes_say_why(averages, weights, tmp_path):
    levels = np.round(255 * (averages - averages.min()) / np.ptp(averages)).astype(np.float32)
    for name, images in (("averages", averages), ("pictures", levels)):
        with MrcWriter(tmp_path / f"{name}.mrcs", images.shape, 1.5, stack=True) as writer:
            writer.append(images)
    graded = grade_path(tmp_path / "averages.mrcs", pixel_size_A=1.5, model=weights, mass_factor=0.2)
    assert graded.grades["mass_kDa"].notna().all()
    assert not any("masses" in note for note in graded.stack.notes)
    graded = grade_path(tmp_path / "pictures.mrcs", pixel_size_A=1.5, model=weights)
    assert graded.grades["mass_kDa"].isna().all()
    assert any("masses are not known" in note for note in graded.settings["notes"])
