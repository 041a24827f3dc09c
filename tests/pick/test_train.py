import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import zarr

from cryogauge.io.copick import open_project, read_project_picks, write_project_picks, write_tomogram
from cryogauge.learn.weights import read_card
from cryogauge.pick import presets, train, training
from cryogauge.pick.labelled import LabelledSet, LabelledSource, read_labelled
from cryogauge.pick.model import load_picker
from cryogauge.pick.patches import LabelledTomogram
from cryogauge.pick.train import Order, train_picker
from cryogauge.records import BadInput
from tests.pick.worlds import LARGE, TINY, VOXEL_A, draw_world


@pytest.fixture
def quick(monkeypatch):
    """The preset ``fast``, narrow enough for a test."""
    monkeypatch.setitem(presets.PRESETS, "fast", TINY)


def order(project, **how) -> Order:
    return Order(LabelledSource(str(project), **how.pop("source", {})), minutes=None, steps=how.pop("steps", 3), **how)


def test_weights_come_with_a_card_a_page_and_what_was_kept_out(project, tmp_path, quick):
    said: list[str] = []
    path = train_picker(order(project, steps=60, kept_out=("w3",)), tmp_path / "out", say=said.append)
    assert path is not None
    card = read_card(path)
    assert 0 <= card.accuracy["weighted_f4_kept_out_thresholds_chosen_on_it"] <= 1.2
    ordered = json.loads((tmp_path / "out" / "order.json").read_text())
    assert (ordered["learned"], ordered["kept_out"]) == (["w0", "w1", "w2"], ["w3"])
    picks = pd.read_csv(tmp_path / "out" / "kept_out_picks.csv")
    assert set(picks["tomogram"]) <= {"w3"}
    page = (tmp_path / "out" / "report.html").read_text()
    assert "kept out of training" in page
    picker = load_picker([path])
    assert picker.preset == TINY
    assert [each.name for each in picker.objects] == ["small", "large"]
    assert picker.voxel_size_A == VOXEL_A


def test_few_tomograms_are_all_learned_from_and_the_card_says_so(project, tmp_path, quick):
    path = train_picker(order(project, source={"runs": ("w1", "w2")}), tmp_path, say=lambda line: None)
    assert path is not None
    card = read_card(path)
    assert not card.accuracy
    assert any("nothing is known of its accuracy" in limit for limit in card.limits)


def test_going_on_from_weights_keeps_their_thresholds_and_refuses_other_kinds(project, tmp_path, quick):
    first = train_picker(order(project, kept_out=("w3",)), tmp_path / "one", say=lambda line: None)
    assert first is not None
    second = train_picker(
        order(project, source={"runs": ("w1",)}, start=first), tmp_path / "two", say=lambda line: None
    )
    assert second is not None
    assert load_picker([second]).thresholds == load_picker([first]).thresholds
    with pytest.raises(BadInput, match="knows small, large; these are large"):
        train_picker(order(project, source={"objects": ("large",)}, start=first), tmp_path / "three")


def test_kinds_are_numbered_anew_when_some_are_chosen(project, tmp_path):
    found = read_labelled(LabelledSource(str(project), objects=("large",)), tmp_path)
    assert found.objects == (replace(LARGE, label=1),)
    assert set(np.concatenate([each.labels for each in found.tomograms])) == {1}


def test_picks_are_where_the_balls_are(project, tmp_path):
    found = read_labelled(LabelledSource(str(project)), tmp_path)
    for each in found.tomograms:
        at = np.round(each.centres_px).astype(int)
        assert each.data[tuple(at.T)].mean() < each.data.mean() - 0.5  # protein is dark


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.assign(x_A=t["x_A"] + 5000), "lie outside the tomogram"),
        (lambda t: t.assign(**{name: t[name] / VOXEL_A for name in ("x_A", "y_A", "z_A")}), "voxels taken for Å"),
    ],
)
def test_picks_that_cannot_be_are_refused(project, tmp_path, change, message):
    opened = open_project(project)
    picks = read_project_picks(opened, user="truth")
    write_project_picks(opened, change(picks), user="odd", session="1")
    with pytest.raises(BadInput, match=message):
        read_labelled(LabelledSource(str(project), user="odd"), tmp_path)


def test_picks_given_twice_are_taken_once_and_it_is_said(project, tmp_path, caplog):
    opened = open_project(project)
    picks = read_project_picks(opened, user="truth")
    write_project_picks(opened, pd.concat([picks, picks.iloc[:5]]), user="copy", session="1")
    once = read_labelled(LabelledSource(str(project), user="copy"), tmp_path)
    assert len(once.picks) == len(picks)
    assert "5 of" in caplog.text
    assert "given twice" in caplog.text


def test_two_kinds_at_one_place_are_told_and_do_not_end_a_training(project, tmp_path, quick, caplog):
    opened = open_project(project)
    picks = read_project_picks(opened, user="truth")
    doubled = picks[(picks["tomogram"] == "w3") & (picks["object"] == "large")].iloc[:2].assign(object="small")
    write_project_picks(opened, pd.concat([picks, doubled]), user="odd", session="1")
    assert train_picker(
        order(project, source={"user": "odd"}, kept_out=("w3",)), tmp_path / "out", say=lambda line: None
    )
    assert "2 of" in caplog.text
    assert "a small in w3" in caplog.text


def test_of_several_peoples_picks_one_must_be_chosen(project, tmp_path):
    opened = open_project(project)
    truth = read_project_picks(opened, user="truth")
    found = truth[(truth["tomogram"] == "w1") & (truth["object"] == "small")]
    write_project_picks(opened, found.assign(x_A=found["x_A"] + 1), user="network", session="1", runs=["w1"])
    with pytest.raises(BadInput, match="w1 has picks of small of several users or sessions: network/1, truth/1"):
        read_labelled(LabelledSource(str(project)), tmp_path)
    for source in ({"user": "truth"}, {"objects": ("large",)}, {"runs": ("w0", "w2")}):
        read_labelled(LabelledSource(str(project), **source), tmp_path)
    write_project_picks(opened, found, user="truth", session="2")
    with pytest.raises(BadInput, match="truth/1, truth/2"):
        read_labelled(LabelledSource(str(project), user="truth"), tmp_path)
    chosen = read_labelled(LabelledSource(str(project), user="truth", session="1"), tmp_path)
    assert len(chosen.picks) == len(truth)


def test_a_tomogram_that_has_changed_is_read_again(project, tmp_path):
    before = read_labelled(LabelledSource(str(project)), tmp_path)
    write_tomogram(open_project(project), "w0", draw_world(9)[0], VOXEL_A, "wbp")
    after = read_labelled(LabelledSource(str(project)), tmp_path)
    assert not np.array_equal(before.tomograms[0].data, after.tomograms[0].data)
    assert np.array_equal(before.tomograms[1].data, after.tomograms[1].data)


def test_what_is_no_number_is_refused_by_name(project, tmp_path):
    data = draw_world(0)[0]
    write_tomogram(open_project(project), "w2", data, VOXEL_A, "wbp")
    stored = next((project.parent / "overlay").glob("ExperimentRuns/w2/VoxelSpacing*/wbp.zarr"))
    values = zarr.open_group(stored, mode="r+")["0"]
    data[0] = np.nan
    values[:] = data
    with pytest.raises(BadInput, match="values of w2 are no numbers"):
        read_labelled(LabelledSource(str(project)), tmp_path)


def test_which_tomogram_is_meant_must_be_clear(project, tmp_path):
    opened = open_project(project)
    write_tomogram(
        opened, "w0", np.random.default_rng(0).normal(size=(16, 64, 64)).astype(np.float32), VOXEL_A, "other"
    )
    with pytest.raises(BadInput, match=r"several tomograms a run: other at 10 Å, wbp at 10 Å"):
        read_labelled(LabelledSource(str(project)), tmp_path)
    assert read_labelled(LabelledSource(str(project), kind="wbp"), tmp_path).kind == "wbp"
    with pytest.raises(BadInput, match="no such tomograms"):
        read_labelled(LabelledSource(str(project), kind="denoised"), tmp_path)


def test_what_is_missing_is_named(project, tmp_path):
    with pytest.raises(BadInput, match="has no object virus"):
        read_labelled(LabelledSource(str(project), objects=("virus",)), tmp_path)
    with pytest.raises(BadInput, match="no labelled tomogram is called w9"):
        train_picker(order(project, kept_out=("w9",)), tmp_path)
    with pytest.raises(BadInput, match="none is left to learn from"):
        train_picker(order(project, kept_out=("w0", "w1", "w2", "w3")), tmp_path)
    with pytest.raises(BadInput, match="learns peaks, not shapes"):
        train_picker(order(project, maps=tmp_path), tmp_path)


def labelled_set(kinds: dict[str, str]) -> LabelledSet:
    """Tomograms by name with one particle of each of the kinds that their letters are."""
    rows = [{"tomogram": name, "object": kind} for name, letters in kinds.items() for kind in letters]
    empty = np.empty((0, 3))
    tomograms = tuple(LabelledTomogram(name, np.empty((1, 1, 1)), empty, empty[:, 0]) for name in kinds)
    return LabelledSet(tomograms, (), 10.0, pd.DataFrame(rows), "wbp", {})


def test_one_in_seven_is_kept_out():
    drawn = set()
    for seed in range(20):
        labelled = labelled_set({f"t{i:02d}": "ab" for i in range(14)})
        learned, kept = train._split(labelled, None, Order(LabelledSource("x"), seed=seed))
        assert (len(learned), len(kept)) == (12, 2)
        assert train._split(labelled, None, Order(LabelledSource("x"), seed=seed)) == (learned, kept)
        drawn |= set(kept)
    assert len(drawn) > 10, "all may be kept out"


def test_what_is_kept_out_holds_many_kinds_and_leaves_each_some():
    kinds = {f"t{i:02d}": "a" for i in range(10)} | {"t10": "bc", "t11": "bc", "t12": "d", "t13": "ad"}
    for seed in range(10):
        _, kept = train._split(labelled_set(kinds), None, Order(LabelledSource("x"), seed=seed))
        assert set(kept) & {"t10", "t11"}
        assert set("".join(kinds[name] for name in kept)) == set("abcd")
        only = labelled_set(kinds | {"t12": "a", "t13": "def"})
        _, kept = train._split(only, None, Order(LabelledSource("x"), seed=seed))
        assert "t13" not in kept, "no other has its kinds to learn from"


CHANGES = {
    "seed": {"seed": 1},
    "steps": {"steps": 4},
    "runs to keep out": {"kept_out": ("w1",)},
    "user, session": {"source": {"user": "truth", "session": "1"}},
    "objects, picks": {"source": {"objects": ("large",)}},
    "runs, tomograms, picks": {"source": {"runs": ("w0", "w1", "w2")}},
}


@pytest.mark.parametrize(("differing", "how"), CHANGES.items(), ids=CHANGES)
def test_a_stage_of_another_training_is_refused_by_what_differs(project, tmp_path, quick, differing, how):
    stage(project, tmp_path / "out")
    with pytest.raises(BadInput, match=f"holds a training that differs in {differing}$") as caught:
        train_picker(order(project, **how), tmp_path / "out", say=lambda line: None)
    assert "delete it" in caught.value.hint


def stage(project, folder) -> None:
    """A step of a training of several, as a stage whose time is up."""
    fit = training.fit
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "fit", lambda *given, **more: fit(*given, **more, stop_after=1) and False)
        assert train_picker(order(project), folder, say=lambda line: None) is None


def test_a_stage_with_other_picks_weights_or_preset_is_refused(project, tmp_path, quick, monkeypatch):
    first = train_picker(order(project, steps=1, kept_out=("w3",)), tmp_path / "first", say=lambda line: None)
    assert first is not None
    stage(project, tmp_path / "out")
    with pytest.raises(BadInput, match=r"differs in weights to start from$"):
        train_picker(order(project, start=first), tmp_path / "out", say=lambda line: None)
    with monkeypatch.context() as other:
        other.setitem(presets.PRESETS, "fast", replace(TINY, learning_rate=0.5))
        with pytest.raises(BadInput, match=r"differs in preset$"):
            train_picker(order(project), tmp_path / "out", say=lambda line: None)
    opened = open_project(project)
    picks = read_project_picks(opened)
    write_project_picks(opened, picks.assign(score=0.5), user="truth", session="1")
    stage(project, tmp_path / "out")
    write_project_picks(opened, picks.assign(x_A=picks["x_A"] + 1.0), user="truth", session="1")
    with pytest.raises(BadInput, match=r"differs in picks$"):
        train_picker(order(project), tmp_path / "out", say=lambda line: None)


def test_a_later_stage_keeps_out_what_the_first_did(project, tmp_path, quick, monkeypatch):
    stage(project, tmp_path / "out")
    before = json.loads((tmp_path / "out" / "order.json").read_text())
    monkeypatch.setattr(train, "_drawn", lambda labelled, names, seed: [each for each in names if each != "w0"])
    path = train_picker(order(project), tmp_path / "out", say=lambda line: None)
    assert path is not None
    picks = pd.read_csv(tmp_path / "out" / "kept_out_picks.csv")
    assert set(picks["tomogram"]) <= set(before["kept_out"])
    assert json.loads((tmp_path / "out" / "order.json").read_text()) == before
    (tmp_path / "out" / "order.json").unlink()
    with pytest.raises(BadInput, match="tells of what"):
        train_picker(order(project), tmp_path / "out", say=lambda line: None)


def test_an_order_without_a_step_done_is_forgotten(project, tmp_path, quick):
    train_picker(order(project, seed=1), tmp_path, stage_minutes=1e-9, say=lambda line: None)
    assert train_picker(order(project, seed=2), tmp_path, say=lambda line: None) is not None


def test_kinds_without_a_weight_are_learned_all_the_same(project, tmp_path, quick):
    document = json.loads(project.read_text())
    for each in document["pickable_objects"]:
        each["metadata"] = {"weight": 0.0}
    project.write_text(json.dumps(document))
    path = train_picker(order(project, kept_out=("w3",)), tmp_path / "out", say=lambda line: None)
    assert path is not None
    assert "weighted_f4_kept_out_thresholds_chosen_on_it" in read_card(path).accuracy
    assert [each.weight for each in load_picker([path]).objects] == [0.0, 0.0]


def test_weights_are_kept_when_judging_fails_and_judged_in_the_next_call(project, tmp_path, quick, monkeypatch):
    def fails(*arguments, **more):
        raise MemoryError

    with monkeypatch.context() as broken:
        broken.setattr(train, "probability_map", fails)
        with pytest.raises(MemoryError):
            train_picker(order(project), tmp_path, say=lambda line: None)
    path = tmp_path / train.WEIGHTS
    assert not load_picker([path]).thresholds
    assert any("was not judged yet" in limit for limit in read_card(path).limits)
    taught = path.read_bytes()
    assert train_picker(order(project), tmp_path, say=lambda line: None) == path
    assert path.read_bytes() == taught, "no further step was taken"
    assert read_card(path).accuracy


def test_kinds_without_a_threshold_are_named(project, tmp_path, quick, monkeypatch):
    monkeypatch.setattr(train, "tune_thresholds", lambda truth, picks, rules: {"small": 0.5})
    said: list[str] = []
    path = train_picker(order(project), tmp_path / "out", say=said.append)
    assert path is not None
    assert any(line.startswith("no threshold was chosen for large:") for line in said)
    assert load_picker([path]).uncut == ("large",)


def test_shapes_without_angles_are_refused_before_anything_is_learned(project, tmp_path):
    with pytest.raises(BadInput, match="angles, which the picks of w0 do not tell"):
        train_picker(order(project, preset="deepfindet", maps=tmp_path), tmp_path / "out", say=lambda line: None)
    assert not (tmp_path / "out" / "training").exists()
