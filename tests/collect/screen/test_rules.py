"""Skip rules against the closed forms of their posterior."""

import math

import pytest

from cryogauge.collect.screen.rules import share_below, why_skip
from cryogauge.collect.screen.settings import SkipRules

RULES = SkipRules()


@pytest.mark.parametrize("total", [0, 1, 3, 10])
def test_with_none_or_all_good_the_posterior_is_a_power(total):
    assert share_below(0, total, 0.3) == pytest.approx(1 - 0.7 ** (total + 1))
    assert share_below(total, total, 0.3) == pytest.approx(0.3 ** (total + 1))


def test_three_poor_fits_end_a_square_two_or_one_good_do_not():
    poor = [20.0, math.nan, math.inf]
    assert why_skip(poor[:2], RULES, "square") == ""
    assert why_skip(poor, RULES, "square") == (
        "0 of 3 exposures fit to 8 Å or better: with a probability of 76 % less than 30 % of the square would."
    )
    assert why_skip([*poor, 8.0], RULES, "square") == ""
    assert why_skip(poor, RULES, "grid") == ""
    assert why_skip([], RULES, "square") == ""


def test_a_grid_takes_more():
    counts = [n for n in range(1, 40) if why_skip([20.0] * n, RULES, "grid")]
    least = math.ceil(math.log(1 - RULES.grid_confidence) / math.log(1 - RULES.grid_share)) - 1
    assert counts[0] == least
    assert counts == list(range(least, 40))
