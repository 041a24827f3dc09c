import numpy as np
import pandas as pd
import pytest

from cryogauge.pick.audit.look import EVIDENCE_COLUMNS, look
from cryogauge.pick.audit.recall import audit_recall
from cryogauge.pick.audit.suggest import SUGGESTION_COLUMNS, rank, suggest
from cryogauge.records import BadInput
from tests.pick.audit.maps import KINDS, LARGE, PEAKS, SMALL, VOXEL_A, VOXELS, draw_map, particles

#: How high a network sees particles of each kind: those of the rare one never half as sure as those of the others.
LEVELS = {"small": (0.7, 0.95), "large": (0.85, 0.99), "rare": (0.15, 0.45)}


def seen_heights(table: pd.DataFrame, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.array([rng.uniform(*LEVELS[name]) for name in table["object"]])


def spoilt(truth: pd.DataFrame, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Labels with errors: what is left, what was taken away, what was added, and what was renamed (as it is right)."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(truth))
    removed, swapped = truth.iloc[order[:20]], truth.iloc[order[20:28]]
    names = {"small": "large", "large": "small", "rare": "small"}
    renamed = swapped.assign(object=swapped["object"].map(names))
    added = truth.iloc[order[28:36]].copy()  # in the gaps between particles
    added[["x_A", "y_A", "z_A"]] += 100.0
    return pd.concat([truth.iloc[order[28:]], renamed, added], ignore_index=True), removed, added, swapped


@pytest.mark.parametrize("preset", [PEAKS, VOXELS], ids=["peaks", "voxels"])
def test_what_was_spoilt_is_found_first(preset):
    truth = particles(0)
    labels, removed, added, swapped = spoilt(truth)
    heights = seen_heights(truth)
    if preset is VOXELS:  # where a kind has to win voxels from the background
        heights = 0.5 + heights / 2
    table = suggest(draw_map(truth, heights, preset), labels, KINDS, VOXEL_A, preset, "t0")
    assert tuple(table.columns) == SUGGESTION_COLUMNS
    assert table["score"].between(0, 1).all()
    assert (np.diff(table["score"]) <= 0).all()
    first = table.iloc[:36]
    assert first["kind"].value_counts().to_dict() == {"missing": 20, "wrong": 8, "swapped": 8}
    assert audit_recall(table[table["kind"] == "missing"], removed, KINDS) == 1.0
    wrong = first[first["kind"] == "wrong"]
    assert set(wrong["x_A"]) == set(added["x_A"])  # the labels' own places, to the last digit
    assert set(wrong["object"]) <= set(added["object"])
    named = first[first["kind"] == "swapped"].set_index("x_A")["other"].to_dict()
    assert named == swapped.set_index("x_A")["object"].to_dict()


def test_good_labels_give_hardly_any_suggestion():
    truth = particles(0)
    table = suggest(draw_map(truth, seen_heights(truth)), truth, KINDS, VOXEL_A, PEAKS, "t0")
    assert (table["score"] < 0.5).all()


def test_a_kind_of_low_probabilities_is_held_against_its_own():
    """A false pick of a common kind higher than any of the rare one must not come before the rare one's missing."""
    truth = particles(0, parts=(0.5, 0.2, 0.3))
    rare = truth[truth["object"] == "rare"]
    removed = rare.iloc[:8]
    labels = truth.drop(removed.index)
    rng = np.random.default_rng(3)
    false = truth.sample(60, random_state=2).assign(object="large")
    false[["x_A", "y_A", "z_A"]] += 100.0
    seen = pd.concat([truth, false], ignore_index=True)
    heights = np.concatenate([seen_heights(truth), rng.uniform(0.45, 0.7, len(false))])
    table = suggest(draw_map(seen, heights), labels, KINDS, VOXEL_A, PEAKS, "t0")
    assert audit_recall(table, removed, KINDS) == 1.0
    assert heights[: len(truth)][truth["object"] == "rare"].max() < heights[len(truth) :].min()


def test_a_kind_that_the_network_does_not_know_does_not_flood_the_list():
    truth = particles(0, parts=(0.5, 0.2, 0.3))
    added = truth[truth["object"] == "small"].iloc[:5].copy()
    added[["x_A", "y_A", "z_A"]] += 100.0
    heights = np.where(truth["object"] == "rare", 0.0, seen_heights(truth))
    labels = pd.concat([truth, added], ignore_index=True)
    table = suggest(draw_map(truth, heights), labels, KINDS, VOXEL_A, PEAKS, "t0")
    assert table.iloc[:5]["object"].tolist() == ["small"] * 5
    assert (table[table["object"] == "rare"]["score"] < 0.6).all()


def test_one_list_of_several_tomograms():
    tables, evidence = [], []
    for seed in range(3):
        truth = particles(seed)
        labels, removed, _, _ = spoilt(truth, seed)
        tables.append(removed)
        map_ = draw_map(truth, seen_heights(truth, seed))
        evidence.append(look(map_, labels, KINDS, VOXEL_A, PEAKS, f"t{seed}"))
    assert tuple(evidence[0].columns) == EVIDENCE_COLUMNS
    table = rank(pd.concat(evidence, ignore_index=True), KINDS)
    assert set(table.iloc[:30]["tomogram"]) == {"t0", "t1", "t2"}
    missing = table[table["kind"] == "missing"]
    assert audit_recall(missing, pd.concat(tables), KINDS) == 1.0


def test_the_order_of_labels_and_the_other_tomograms_labels_play_no_part():
    truth = particles(0)
    labels, *_ = spoilt(truth)
    map_ = draw_map(truth, seen_heights(truth))
    one = suggest(map_, labels, KINDS, VOXEL_A, PEAKS, "t0")
    mixed = pd.concat([labels.assign(tomogram="t9"), labels.sample(frac=1, random_state=0)], ignore_index=True)
    other = suggest(map_, mixed, KINDS, VOXEL_A, PEAKS, "t0")
    keys = ["kind", "object", "x_A", "y_A", "z_A"]
    pd.testing.assert_frame_equal(
        one.sort_values(keys, ignore_index=True), other.sort_values(keys, ignore_index=True), atol=1e-6
    )


def test_a_label_a_little_off_is_neither_wrong_nor_missing():
    truth = particles(0)
    labels = truth.copy()
    rng = np.random.default_rng(0)
    way = rng.normal(size=(len(truth), 3))
    radius = truth["object"].map({each.name: each.radius_A for each in KINDS}).to_numpy()
    off = np.where(np.arange(len(truth)) % 5 == 0, 0.5, 0.0) * radius  # of one in five
    labels[["x_A", "y_A", "z_A"]] += way / np.linalg.norm(way, axis=1, keepdims=True) * off[:, None]
    table = suggest(draw_map(truth, seen_heights(truth)), labels, KINDS, VOXEL_A, PEAKS, "t0")
    assert (table["score"] < 0.5).all()


def test_no_labels_no_picks_no_trouble():
    empty = particles(0).iloc[:0]
    flat = np.zeros((3, 30, 100, 100), np.float32)
    assert suggest(flat, empty, KINDS, VOXEL_A, PEAKS, "t0").empty
    outside = particles(0).iloc[:3].assign(x_A=1e6)
    assert set(suggest(flat, outside, KINDS, VOXEL_A, PEAKS, "t0")["kind"]) <= {"wrong"}
    with pytest.raises(BadInput, match="3 channels is not of 2 kinds"):
        suggest(flat, empty, (SMALL, LARGE), VOXEL_A, PEAKS, "t0")


def test_recall_counts_a_place_once_and_only_what_comes_first():
    truth = particles(0).iloc[:4]
    rows = truth.assign(kind="missing", other="")
    assert audit_recall(rows, truth, KINDS) == 1.0
    assert audit_recall(rows.iloc[[0, 0, 0, 0]], truth, KINDS) == 0.25
    assert audit_recall(pd.concat([rows.assign(kind="wrong"), rows]), truth, KINDS) == 0.0
    assert audit_recall(rows.assign(tomogram="t9"), truth, KINDS) == 0.0
    other = rows["object"].map({"small": "large", "large": "rare", "rare": "small"})
    assert audit_recall(rows.assign(object=other), truth, KINDS) == 0.0
    radius = truth["object"].map({each.name: each.radius_A for each in KINDS})
    assert audit_recall(rows.assign(x_A=rows["x_A"] + 0.99 * radius), truth, KINDS) == 1.0
    assert audit_recall(rows.assign(x_A=rows["x_A"] + 1.01 * radius), truth, KINDS) == 0.0
    with pytest.raises(BadInput, match="no label was removed"):
        audit_recall(rows, truth.iloc[:0], KINDS)
