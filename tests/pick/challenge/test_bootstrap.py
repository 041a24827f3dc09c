import numpy as np
import pytest

from cryogauge.pick.challenge import bootstrap, score_picks


def test_the_interval_holds_the_score_and_narrows_with_more_tomograms(challenge):
    truth, picks = challenge
    result = score_picks(truth, picks)
    total, kinds = bootstrap(result)
    assert total.low < result.score < total.high
    f_of = result.objects.set_index("object")["f_beta"]
    assert all(interval.low <= f_of[name] <= interval.high for name, interval in kinds.items())
    few = truth["tomogram"].isin(truth["tomogram"].unique()[:5])
    wide, _ = bootstrap(score_picks(truth[few], picks))
    assert wide.high - wide.low > 1.3 * (total.high - total.low)


def test_it_covers_what_is_true_of_new_tomograms(challenge):
    """Spread of the scores of disjoint sets of tomograms against the interval's width."""
    truth, picks = challenge
    names = truth["tomogram"].unique()
    widths, scores = [], []
    for part in np.array_split(names, 4):
        result = score_picks(truth[truth["tomogram"].isin(part)], picks)
        interval, _ = bootstrap(result)
        widths.append(interval.high - interval.low)
        scores.append(result.score)
    assert np.mean(widths) > np.std(scores, ddof=1)


def test_one_tomogram_has_no_spread_and_a_seed_repeats(challenge):
    truth, picks = challenge
    alone = truth[truth["tomogram"] == "TS_000"]
    result = score_picks(alone, picks)
    total, _ = bootstrap(result)
    assert (total.low, total.high) == (pytest.approx(result.score), pytest.approx(result.score))
    whole = score_picks(truth, picks)
    assert bootstrap(whole, seed=3) == bootstrap(whole, seed=3) != bootstrap(whole, seed=4)
