import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu

from cryogauge.pick.audit.agreement import agreement, told
from cryogauge.pick.audit.look import look
from cryogauge.pick.audit.suggest import rank
from tests.pick.audit.maps import KINDS, PEAKS, VOXEL_A, draw_map, particles


def looked_at(labels):
    truth = particles(0)
    return look(draw_map(truth, np.full(len(truth), 0.9)), labels, KINDS, VOXEL_A, PEAKS, "t0")


def beside(truth):
    """Labels in the gaps between particles: every one of them is wrong."""
    return truth.assign(**{axis: truth[axis] + 100.0 for axis in ("x_A", "y_A", "z_A")})


def test_good_labels_agree_and_nothing_is_told():
    table = agreement(looked_at(particles(0)), KINDS)
    assert table["agree"].all()
    assert (table["above"] > 0.9).all()
    assert told(table) == ""


def test_labels_that_are_all_wrong_agree_with_nothing():
    evidence = looked_at(beside(particles(0)))
    table = agreement(evidence, KINDS)
    assert not table["agree"].any()
    assert (table["above"] < 0.6).all()
    assert "the labels agree with nothing" in told(table)
    rank(evidence, KINDS)  # ranks them all the same


def test_a_kind_whose_labels_are_all_wrong_is_named_alone():
    truth = particles(0)
    large = truth["object"] == "large"
    table = agreement(looked_at(pd.concat([truth[~large], beside(truth[large])])), KINDS)
    assert table.set_index("object")["agree"].to_dict() == {"small": True, "large": False, "rare": True}
    assert told(table).startswith("the labels of large agree with nothing")


def test_it_is_the_statistic_of_mann_and_whitney():
    rng = np.random.default_rng(0)
    heights = {"label": np.round(rng.random(20), 1), "place": np.round(rng.random(50), 1)}
    rows = [{"object": "small", "role": role, "probability": p} for role in heights for p in heights[role]]
    expected = mannwhitneyu(heights["label"], heights["place"]).statistic / (20 * 50)
    assert agreement(pd.DataFrame(rows), KINDS)["above"].tolist() == [pytest.approx(expected)]


def test_a_few_labels_say_nothing():
    table = agreement(looked_at(beside(particles(0)).groupby("object").head(4)), KINDS)
    assert table["agree"].all()
