"""The suite passes what conforms and names what does not."""

import itertools

import numpy as np
import pandas as pd
import pytest

from cryogauge.collect.scorers.training import train_scorer
from cryogauge.testing.collect import check_judge, check_scorer
from tests.collect.scorers.selections import holes, squares

_COUNT = itertools.count()


def _uneven(what, table, image, pixel_size_A):
    return np.full(len(table), 0.1 + next(_COUNT) % 2 / 2)


def _greedy(what, table, image, pixel_size_A):
    table["score"] = 1.0
    return table["score"]


def test_ours_conform():
    for what, made in (("squares", squares), ("holes", holes)):
        scorer = train_scorer(pd.concat([made(name) for name in "ab"], ignore_index=True), what)
        check_scorer(scorer, what)
    check_judge(lambda image, pixel_size_A: {"spread": float(image.std()), "score": 0.5})


@pytest.mark.parametrize(
    ("scorer", "told"),
    [
        (lambda what, table, image, pixel_size_A: [0.5], "shape"),
        (lambda what, table, image, pixel_size_A: table["score"] + 1, "beyond 0 and 1"),
        (lambda what, table, image, pixel_size_A: np.linspace(0, 1, len(table)), "turning the table over"),
        (_uneven, "scored the same"),
        (_greedy, "the table, which a scorer leaves as it is"),
    ],
)
def test_scorers_that_do_not(scorer, told):
    with pytest.raises(AssertionError, match=told):
        check_scorer(scorer, "squares")


@pytest.mark.parametrize(
    ("judge", "told"),
    [
        (lambda image, pixel_size_A: 0.5, "no mapping"),
        (lambda image, pixel_size_A: {"score": 3}, "beyond"),
        (lambda image, pixel_size_A: {"n": float(next(_COUNT))}, "judged the same"),
        (lambda image, pixel_size_A: {f"at {pixel_size_A}": 1.0}, "the names are the same"),
    ],
)
def test_judges_that_do_not(judge, told):
    with pytest.raises(AssertionError, match=told):
        check_judge(judge)
