"""SHREC's score: counts worked out by hand, and agreement with a count that follows the scripts step by step."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import generate_binary_structure, grey_dilation

from cryogauge.io.shrec import read_shrec
from cryogauge.pick.shrec import ShrecRules, judge_hits, score_shrec
from cryogauge.pick.shrec_picks import read_shrec_picks
from cryogauge.records import BadInput
from tests.io.shrec import makers


def judge(model, *picks):
    """Score picks given as (class, x, y, z) in voxels from the masks' first slice."""
    rows = [(model.name, n, 10.0 * x, 10.0 * y, 10.0 * (z + model.offset_px), 1.0) for n, x, y, z in picks]
    return score_shrec(model, pd.DataFrame(rows, columns=["tomogram", "object", "x_A", "y_A", "z_A", "score"]))


@pytest.fixture(params=[makers.set_2019, makers.set_2020], ids=["2019", "2020"])
def model(request, tmp_path):
    return read_shrec(request.param(tmp_path))


TRUTH = [(name, x, y, z) for name, x, y, z, _ in makers.PARTICLES]


def test_the_truth_scores_all(model):
    found = judge(model, *TRUTH)
    where = found.localisation
    assert (where.tp, where.fp, where.fn, where.multiple, where.outside) == (4, 0, 0, 0, 0)
    assert (where.recall, where.precision, where.f1, where.miss_rate, where.distance_px) == (1, 1, 1, 0, 0)
    assert found.macro_f1 == 1
    assert found.classes["f1"].tolist() == [1, 1, 1]
    assert found.groups.to_dict("list") == {"group": ["large", "medium", "tiny"], "classes": [1, 1, 1], "f1": [1, 1, 1]}


def test_shifted_doubled_and_misnamed_picks_by_hand(model):
    # the first particle is hit twice, one voxel off and then in its middle; the second is misnamed; the third is
    # missed by a pick two voxels off, or hit where particles are widened; the fourth is missed; one pick is nowhere
    found = judge(
        model, ("1bxn", 5, 6, 3), ("1s3x", 4, 6, 3), ("1bxn", 12, 5, 5), ("1s3x", 9, 13, 6), ("1bxn", 1, 18, 1)
    )
    where, widened = found.localisation, model.year == 2020
    assert (where.picks, where.particles, where.multiple) == (5, 4, 1)
    assert (where.tp, where.fp, where.fn) == ((3, 1, 1) if widened else (2, 2, 2))
    assert where.precision == pytest.approx(where.tp / 5)
    assert where.recall == pytest.approx(where.tp / 4)
    assert where.distance_px == pytest.approx((1 + 0 + 2) / 3 if widened else (1 + 0 + 0) / 3)
    classes = found.classes.set_index("object")
    assert classes.loc["1bxn", ["particles", "called", "tp", "fp", "fn"]].tolist() == [2, 2, 1, 1, 1]
    assert classes.loc["4d8q", ["particles", "called", "tp", "fp", "fn"]].tolist() == [1, 0, 0, 0, 1]
    assert classes.loc["1s3x", "f1"] == (1 if widened else 0)
    assert classes.loc["1bxn", "f1"] == pytest.approx(0.5)
    assert found.confusion.loc["4d8q", "1bxn"] == 1
    assert found.confusion.loc["1bxn", "background"] == 1
    assert found.macro_f1 == pytest.approx((0.5 + widened) / 3)


def test_the_first_pick_of_a_particle_gives_its_class_unless_it_gives_none_in_2019(model):
    found = judge(model, ("background", 4, 6, 3), ("1bxn", 4, 6, 3))
    called = found.confusion.loc["1bxn"]
    assert called["1bxn"] == (1 if model.year == 2019 else 0)
    assert found.localisation.tp == 1


def test_picks_above_the_masks(model):
    found = judge(model, ("1bxn", 14, 14, -3), ("4d8q", 12, 5, 400))
    where = found.localisation
    # in 2019 they are moved into the first and the last slice; the fourth particle's lies below its own
    assert where.outside == (2 if model.year == 2019 else 1)
    assert (where.tp, where.fp) == (0, 2)
    low = judge(model, ("1bxn", 14, 14, 0), ("1bxn", 400, 14, 2)).localisation
    assert (low.tp, low.outside) == ((0, 1) if model.year == 2019 else (1, 1))


def test_what_2021_leaves_out(tmp_path):
    model = read_shrec(makers.set_2021(tmp_path))
    found = judge(model, ("1bxn", 4, 6, 3), ("4V94", 7, 13, 6), ("vesicle", 14, 14, 2), ("4v94", 12, 5, 5))
    where = found.localisation
    # of four particles 4v94 is out, the vesicle only from what can be found; of four picks none is out of precision
    assert (where.picks, where.particles, where.tp, where.fp, where.fn) == (4, 3, 2, 0, 0)
    assert where.recall == pytest.approx(2 / 3)
    assert where.miss_rate == pytest.approx(1 / 3)
    assert where.precision == 0.5
    assert found.classes["object"].tolist() == ["4d8q", "1bxn"]
    assert found.confusion.loc["4d8q", "background"] == 1  # a kind that is left out names nothing


def test_nothing_found(model):
    found = judge(model, ("1bxn", 1, 18, 1))
    assert (found.localisation.f1, found.localisation.miss_rate, found.macro_f1) == (0, 1, 0)
    assert np.isnan(found.localisation.distance_px)
    assert json.loads(json.dumps(found.plain(), allow_nan=False))["localisation"]["distance_px"] is None


def test_picks_that_cannot_be(model):
    with pytest.raises(BadInput, match="'9xyz' is no class of SHREC's"):
        judge(model, ("9xyz", 4, 6, 3))
    with pytest.raises(BadInput, match="there is no pick"):
        judge(model)
    with pytest.raises(BadInput, match="a position that is no number"):
        judge(model, ("1bxn", np.nan, 6, 3))


KINDS = ["1bxn", "4d8q", "4v94", "vesicle", "3qm1"]


def by_script(year, mask, kinds, centres, picks, above, height):
    """What the script of a year does, a pick after another; z counts from the reconstruction's first slice."""
    left_out = {"4v94", "vesicle"} if year == 2021 else set()
    if year != 2019:
        mask = grey_dilation(mask, footprint=generate_binary_structure(3, 1))
        mask = np.pad(mask, ((above, height - above - len(mask)), (0, 0), (0, 0)))
        shift = 0
    else:
        shift = above
    hits = [[] for _ in range(len(kinds) + 1)]
    for name, x, y, z in picks:
        at = [round(x), round(y), round(z) - shift]
        at = [min(max(v, 0), n - 1) for v, n in zip(at, mask.shape[::-1], strict=True)]
        number = int(mask[at[2], at[1], at[0]])
        centre = centres[number - 1] if number else (0, 0, 0)
        hits[number].append((name, float(np.linalg.norm(np.subtract([*at[:2], at[2] + shift], centre)))))
    kept = [i for i, kind in enumerate(kinds, 1) if kind not in left_out]
    found = [i for i in kept if hits[i]]
    total = sum(kind != "4v94" or year != 2021 for kind in kinds)
    measured = [d for i in found for _, d in (hits[i] if year == 2019 else hits[i][:1])]
    called = {}
    for i in kept:
        names = [name for name, _ in hits[i]]
        if year == 2019:
            names = [name for name in names if name != "background"]
        called[i] = names[0] if names and names[0] not in left_out else "background"
    scores = {}
    for kind in {kinds[i - 1] for i in kept}:
        tp = sum(kinds[i - 1] == kind == called[i] for i in kept)
        fp = sum(called[i] == kind != kinds[i - 1] for i in kept)
        fn = sum(kinds[i - 1] == kind != called[i] for i in kept)
        scores[kind] = 2 * tp / (2 * tp + fp + fn)
    return {
        "tp": len(found), "fp": len(hits[0]), "fn": len(kept) - len(found),
        "multiple": sum(len(hits[i]) > 1 for i in kept), "recall": len(found) / total,
        "precision": len(found) / len(picks), "distance_px": float(np.mean(measured)) if measured else np.nan,
    }, scores  # fmt: skip


@given(
    data=st.data(), year=st.sampled_from([2019, 2020, 2021]), above=st.integers(0, 3), seed=st.integers(0, 2**32 - 1)
)
def test_the_score_agrees_with_the_scripts_step_by_step(data, year, above, seed):
    rng = np.random.default_rng(seed)
    shape, count = (5, 9, 8), data.draw(st.integers(1, 9))
    mask, centres, kinds = np.zeros(shape, np.int32), [], []
    for number in range(1, count + 1):
        z, y, x = (int(rng.integers(n)) for n in shape)
        mask[max(0, z - 1) : z + 2, max(0, y - 1) : y + 2, max(0, x - 1) : x + 2] = number
        centres.append((x, y, z + above))
        kinds.append(data.draw(st.sampled_from(KINDS)))
    if not set(kinds) - {"4v94", "vesicle"}:
        kinds[0] = "1bxn"
    place = st.tuples(*(st.integers(-4, 24).map(lambda n: n / 2) for _ in range(3)))
    picks = data.draw(st.lists(st.tuples(st.sampled_from([*KINDS, "background"]), place), min_size=1, max_size=14))
    flat = [(name, *where) for name, where in picks]
    height = shape[0] + 2 * above
    expected, classes = by_script(year, mask, kinds, centres, flat, above, height)
    found = judge_hits(
        mask, np.array(centres, float), kinds, np.array([where for _, where in picks]), [name for name, _ in picks],
        ShrecRules.of(year), offset_px=above, height_px=height,
    )  # fmt: skip
    for name, value in expected.items():
        assert getattr(found.localisation, name) == pytest.approx(value, nan_ok=True), name
    assert dict(zip(found.classes["object"], found.classes["f1"], strict=True)) == pytest.approx(classes)
    assert found.macro_f1 == pytest.approx(np.mean(list(classes.values())))


def test_a_submission_counts_from_the_reconstruction_or_is_moved(tmp_path, caplog):
    model = read_shrec(makers.set_2020(tmp_path))
    path = tmp_path / "s.txt"
    path.write_text(makers.lines(shift=4))
    assert score_shrec(model, read_shrec_picks(path, model)).macro_f1 == 1
    assert not caplog.records
    path.write_text(makers.lines())
    assert score_shrec(model, read_shrec_picks(path, model)).macro_f1 == 1
    assert "its z is taken to count from slice 4" in caplog.text


def test_a_submission_of_2019_lists_z_first(tmp_path):
    model = read_shrec(makers.set_2019(tmp_path))
    (tmp_path / "s.txt").write_text(makers.lines(reverse=True))
    assert score_shrec(model, read_shrec_picks(tmp_path / "s.txt", model)).macro_f1 == 1


def test_our_table_and_a_project(tmp_path):
    from cryogauge.io import write_picks
    from cryogauge.io.shrec import import_shrec

    model = read_shrec(makers.set_2020(tmp_path / "set"))
    other = model.picks.assign(tomogram="model_1", object="4b4t")
    write_picks(tmp_path / "p.csv", pd.concat([other, model.picks]))
    assert score_shrec(model, read_shrec_picks(tmp_path / "p.csv", model)).macro_f1 == 1
    config = import_shrec(tmp_path / "set", tmp_path / "project")
    assert score_shrec(model, read_shrec_picks(config, model, user="shrec", session="0")).macro_f1 == 1
    wrong = model.picks.assign(object="3qm1", score=0.2)
    write_picks(tmp_path / "p.csv", pd.concat([wrong, model.picks]))
    assert score_shrec(model, read_shrec_picks(tmp_path / "p.csv", model)).macro_f1 == 1  # the best score counts first
    write_picks(tmp_path / "p.csv", other)
    with pytest.raises(BadInput, match="has no picks of model_9") as caught:
        read_shrec_picks(tmp_path / "p.csv", model)
    assert caught.value.hint == "its tomograms are model_1"
    with pytest.raises(BadInput, match="it has no users"):
        read_shrec_picks(tmp_path / "p.csv", model, user="me")
