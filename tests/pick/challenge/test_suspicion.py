"""Slips that can be scored are named, and nothing is said of picks that are merely poor."""

import numpy as np
import pandas as pd
import pytest

from cryogauge.pick.challenge import Rules, suspicions
from cryogauge.pick.challenge.suspicion import remarks

AXES = ["x_A", "y_A", "z_A"]


def _said(truth, picks):
    return " / ".join(suspicions(truth, picks, Rules()))


@pytest.mark.parametrize("recall", [0.05, 0.5, 1.0])
def test_nothing_is_odd_about_honest_picks(recall, make):
    truth, picks = make(6, seed=2, recall=recall)
    assert _said(truth, picks) == ""
    assert _said(truth, truth) == ""
    assert remarks(truth, picks, Rules()) == []


def test_voxels_nanometres_and_exchanged_axes_are_told(challenge):
    truth, picks = challenge
    voxels = picks.assign(**{axis: picks[axis] / 10.012 for axis in AXES})
    assert "voxels, not Å: multiplied by 10.01" in _said(truth, voxels)
    whole = voxels.assign(**{axis: voxels[axis].round() for axis in AXES})
    assert "multiplied by 10.0" in _said(truth, whole)
    nanometres = picks.assign(**{axis: picks[axis] * 10 for axis in AXES})
    assert "scale of the coordinates looks wrong: multiplied by 0.1," in _said(truth, nanometres)
    wrong_spacing = picks.assign(**{axis: picks[axis] * 13.48 / 10.012 for axis in AXES})
    assert "multiplied by 0.742" in _said(truth, wrong_spacing)
    turned = picks.rename(columns={"x_A": "z_A", "z_A": "x_A"})
    assert _said(truth, turned).startswith("with x and z exchanged")
    both = voxels.rename(columns={"x_A": "z_A", "z_A": "x_A"})
    assert "multiplied by 10.01 and with x and z exchanged" in _said(truth, both)


def test_doubles_names_and_places_outside(challenge):
    truth, picks = challenge
    assert "5 picks are there twice" in _said(truth, pd.concat([picks, picks.iloc[:5]]))
    other = picks.assign(tomogram="tomo_" + picks["tomogram"])
    assert "no tomogram of the picks (tomo_TS_" in _said(truth, other)
    far = picks.copy()
    far.loc[far.index[:3], "z_A"] = 5000.0
    assert "3 picks lie outside the volume: z up to 5000 Å" in _said(truth, far)
    below = picks.copy()
    below.loc[below.index[:2], "x_A"] = -900.0
    assert "2 picks have coordinates far below 0" in _said(truth, below)
    centred = picks.assign(**{axis: picks[axis] - truth[axis].max() / 2 for axis in AXES})
    assert "far below 0" in _said(truth, centred)


def test_what_is_left_out_is_remarked(challenge):
    truth, picks = challenge
    fewer = picks[(picks["tomogram"] != "TS_003") & (picks["object"] != "ribosome")]
    more = pd.concat([fewer, fewer.iloc[:4].assign(tomogram="TS_999")])
    said = remarks(truth, more, Rules())
    assert "4 picks lie in tomograms without truth (TS_999); ignored" in said
    assert any(each.startswith("no pick in 1 of 24 tomograms: TS_003") for each in said)
    assert "the picks hold no ribosome: F is 0 there" in said
    assert remarks(truth, picks.iloc[:0], Rules())
    assert suspicions(truth, picks.iloc[:0], Rules()) == []


def test_few_picks_are_no_ground_for_suspicion():
    truth = pd.DataFrame(
        {"tomogram": "T", "object": "ribosome", "x_A": [0.0, 9.0], "y_A": 0.0, "z_A": [0.0, 1.0], "score": np.nan}
    )
    assert suspicions(truth, truth.assign(x_A=5000.0), Rules())
    assert suspicions(truth.iloc[:1], truth.iloc[:1], Rules()) == []
    assert suspicions(truth.iloc[:1], truth.iloc[1:], Rules()) == []
