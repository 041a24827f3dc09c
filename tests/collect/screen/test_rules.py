"""Skip rules against the closed forms of their posterior."""

import math

import numpy as np
import pytest

from cryogauge.collect.screen.rules import fits_looked_for, share_below, why_skip
from cryogauge.collect.screen.settings import SkipRules

RULES = SkipRules()


def row(fit_A, *, square=1, hole=0, shot=0):
    flags = "no_ctf" if math.isnan(fit_A) else ""
    return {"exposure": f"1/{square}/{hole}/{shot}", "ctf_resolution_A": fit_A, "flags": flags}


def holes(*fits_A):
    return [row(fit_A, hole=n) for n, fit_A in enumerate(fits_A)]


def grid(squares, per_square, fit_A=20.0):
    return [row(fit_A, square=square, hole=hole) for square in range(squares) for hole in range(per_square)]


@pytest.mark.parametrize("total", [0, 1, 3, 10])
def test_with_none_or_all_good_the_posterior_is_a_power(total):
    assert share_below(0, total, 0.3) == pytest.approx(1 - 0.7 ** (total + 1))
    assert share_below(total, total, 0.3) == pytest.approx(0.3 ** (total + 1))


def test_three_poor_fits_end_a_square_two_or_one_good_do_not():
    poor = holes(20.0, math.nan, math.inf)
    assert why_skip(poor[:2], RULES, "square") == ""
    assert why_skip(poor, RULES, "square") == (
        "0 of 3 exposures fit to 8 Å or better: with a probability of 76 % less than 30 % of the square would."
    )
    assert why_skip(holes(20.0, math.nan, math.inf, 8.0), RULES, "square") == ""
    assert why_skip(poor, RULES, "grid") == ""
    assert why_skip([], RULES, "square") == ""


def test_shots_of_one_hole_tell_little_more_than_one():
    assert why_skip([row(20.0, shot=shot) for shot in range(30)], RULES, "square") == ""


def test_a_grid_takes_more():
    counts = [n for n in range(1, 40) if why_skip(grid(n, 1), RULES, "grid")]
    least = math.ceil(math.log(1 - RULES.grid_confidence) / math.log(1 - RULES.grid_share)) - 1
    assert counts[0] == least
    assert counts == list(range(least, 40))
    assert why_skip(grid(1, 100), RULES, "grid") == ""  # of one square
    assert why_skip(grid(5, 3), RULES, "grid").startswith("0 of 15 exposures in 5 squares fit to 8 Å or better: with")


def test_a_grid_of_enough_good_squares_is_seldom_skipped():
    """Squares are good or bad as a whole: as often as is claimed at most, and not by counting each exposure."""
    rng, skipped, below = np.random.default_rng(0), 0, 0
    for _ in range(400):
        share = rng.random()  # as the prior has it
        good = rng.random(6) < share
        rows = [row(4.0 if good[s] else 20.0, square=s, hole=h) for s in range(6) for h in range(3)]
        if why_skip(rows, RULES, "grid"):
            skipped += 1
            below += share < RULES.grid_share
    assert skipped > 20
    assert below / skipped > RULES.grid_confidence - 2 * math.sqrt(0.25 * 0.75 / skipped)


def test_what_was_not_looked_for_counts_for_nothing():
    unknown = [{"exposure": f"1/{n}/0/0", "ctf_resolution_A": math.nan, "flags": math.nan} for n in range(30)]
    assert why_skip(unknown, RULES, "grid") == ""
    assert fits_looked_for([*unknown, row(math.nan), row(5.0)]) == [("1/1/0/0", math.inf), ("1/1/0/0", 5.0)]
