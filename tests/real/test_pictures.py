"""Real single slices: in the right order, where they should be, and blind to what is not structure."""

import numpy as np
import pytest

from validation.blindness import unchanged_in_structure
from validation.held_out import shipped_model
from validation.real_files import levels, orders, picture_score, read, single_slices, without_phases

#: Every so many slices are tried here; the validation tries all.
EVERY = 7


def _score(picture: np.ndarray) -> float:
    return float(shipped_model().judge_picture(picture).score[0])


@pytest.mark.xfail(strict=True, reason="the shipped network orders nine pairs in ten")
def test_ordered_pairs():
    held = [order.held() for order in orders() if order.model == "picture"]
    assert np.mean(held) >= 0.95


#: What the shipped network gets wrong: streaks of gold, and all in-focus specimens near the top of the scale.
WRONG = ("a gold bead is no structure", "thick specimens of middling quality")


@pytest.mark.parametrize(
    "why",
    [
        pytest.param(why, marks=pytest.mark.xfail(strict=True, reason="the shipped network misjudges these"))
        if why in WRONG
        else why
        for why in sorted({level.why for level in levels()})
    ],
)
def test_levels(why):
    held = [level.held() for level in levels() if level.why == why]
    assert np.mean(held) >= 0.9


def test_every_listed_file_is_there():
    there = set(single_slices())
    listed = {name.partition("#")[0] for row in (*orders(), *levels()) if row.model == "picture" for name in row.files}
    assert listed <= there


#: A raw picture that goes from 0.00 to 0.105 with another picture's histogram.
NOT_BLIND = "slices/pairs_cryoCARE_T2T/preview_raw.png"


def _largest_change(name: str, names: list[str]) -> float:
    data, before = read(name, "picture")[0], picture_score(name)
    other = read(names[names.index(name) - 1], "picture")[0]
    return max(abs(_score(changed) - before) for _, changed in unchanged_in_structure(data, other))


def test_blind_to_what_is_not_structure():
    names = list(single_slices()[::EVERY])
    for name in names:
        assert name == NOT_BLIND or _largest_change(name, names) < 0.1, name


@pytest.mark.xfail(strict=True, reason="the shipped network changes its mind by 0.105")
def test_blind_in_the_one_that_is_missed():
    assert _largest_change(NOT_BLIND, list(single_slices()[::EVERY])) < 0.1


def test_without_phases_there_is_nothing():
    for name in single_slices()[::EVERY]:
        assert _score(without_phases(read(name, "picture")[0], seed=7)) < 0.1, name
