"""The challenge's metric against closed forms and an independent brute force."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.pick.challenge import Rules, f_beta, score_picks
from cryogauge.pick.challenge.metric import hit
from cryogauge.records import BadInput, PickObject
from validation.brute_metric import KINDS, brute_score
from validation.check_metric import random_case, table

RIBOSOME = "ribosome"


def _rows(*places, kind=RIBOSOME, tomogram="TS_1"):
    return [(tomogram, kind, *place) for place in places]


def _counts(truth, picks, **rules):
    result = score_picks(table(truth), table(picks), Rules(**rules))
    row = result.objects.set_index("object").loc[truth[0][1]]
    return int(row["tp"]), int(row["fp"]), int(row["fn"])


def test_the_kinds_are_those_of_the_public_description():
    assert {each.name: (each.radius_A, each.weight) for each in Rules().objects} == KINDS


def test_two_picks_on_one_particle_are_one_right_and_one_wrong():
    assert _counts(_rows((0, 0, 0)), _rows((1, 0, 0), (0, 2, 0))) == (1, 1, 0)


def test_one_pick_on_two_particles_hits_both_and_the_score_exceeds_1():
    truth = _rows((0, 0, 0), (60, 0, 0))
    picks = _rows((30, 0, 0))
    assert _counts(truth, picks) == (2, -1, 0)
    # P = 2, R = 1: 17 · 2 / (16 · 2 + 1), of weight 1 in 7
    assert score_picks(table(truth), table(picks)).score == 17 * (2.0 * 1.0) / (16 * 2.0 + 1.0) * 1.0 / 7.0


def test_without_particles_every_pick_is_wrong_and_without_picks_every_particle_missed():
    truth = [*_rows((0, 0, 0)), *_rows((500, 0, 0), tomogram="TS_2")]
    picks = [*_rows((0, 0, 0)), *_rows((0, 0, 0), (9, 9, 9), tomogram="TS_2", kind="thyroglobulin")]
    result = score_picks(table(truth), table(picks))
    counts = result.objects.set_index("object")[["tp", "fp", "fn"]]
    assert counts.loc[RIBOSOME].tolist() == [1, 0, 1]
    assert counts.loc["thyroglobulin"].tolist() == [0, 2, 0]
    assert counts.loc["apo-ferritin"].tolist() == [0, 0, 0]
    empty = score_picks(table(truth), table([]))
    assert empty.score == 0.0
    assert empty.objects.set_index("object").loc[RIBOSOME, "fn"] == 2


def test_picks_elsewhere_do_not_count_even_of_unknown_kinds():
    truth = _rows((0, 0, 0))
    picks = [*_rows((0, 0, 0)), *_rows((0, 0, 0), tomogram="TS_9", kind="proteasome")]
    assert _counts(truth, picks) == (1, 0, 0)
    with pytest.raises(BadInput, match="proteasome"):
        score_picks(table(truth), table(_rows((0, 0, 0), kind="proteasome")))


def test_the_truth_must_have_one_particle_a_place():
    with pytest.raises(BadInput, match="two particles at one place"):
        score_picks(table([*_rows((0, 0, 0)), *_rows((0, 0, 0), kind="thyroglobulin")]), table([]))
    apart = [*_rows((0, 0, 0)), *_rows((0, 0, 0), tomogram="TS_2")]
    assert score_picks(table(apart), table(apart)).score == 1 / 7
    with pytest.raises(BadInput, match="no particle"):
        score_picks(table([]), table([]))
    with pytest.raises(BadInput, match="not finite"):
        score_picks(table(apart), table(_rows((0, np.nan, 0))))


def test_the_border_belongs_to_the_particle():
    truth = _rows((0, 0, 0))
    assert _counts(truth, _rows((21, 72, 0))) == (1, 0, 0)  # 21² + 72² = 75²
    assert _counts(truth, _rows((np.nextafter(75.0, 76.0), 0, 0))) == (0, 1, 1)
    assert _counts(truth, _rows((21, 72, 0)), radius_factor=0.499) == (0, 1, 1)


def test_a_weightless_kind_does_not_count_and_an_absent_one_does():
    truth = [*_rows((0, 0, 0)), *_rows((900, 0, 0), kind="beta-amylase")]
    assert score_picks(table(truth), table(_rows((0, 0, 0)))).score == 1 / 7


def test_other_kinds_weights_and_beta():
    rules = Rules((PickObject("a", 1, 10.0, 3.0), PickObject("b", 2, 20.0, 1.0)), beta=1.0, radius_factor=1.0)
    truth = [*_rows((0, 0, 0), (100, 0, 0), kind="a"), *_rows((0, 50, 0), kind="b")]
    picks = [*_rows((10, 0, 0), (300, 0, 0), kind="a"), *_rows((0, 70, 0), kind="b")]
    assert score_picks(table(truth), table(picks), rules).score == (0.5 * 3 + 1.0) / 4
    weightless = (PickObject("a", 1, 10.0, 0.0),)
    for wrong in ({"beta": 0.0}, {"radius_factor": np.inf}, {"tolerance_A": -1.0}, {"objects": weightless}):
        with pytest.raises(BadInput):
            Rules(**wrong)


def test_a_tolerance_takes_the_place_of_the_radius():
    truth = _rows((0, 0, 0))
    assert _counts(truth, _rows((135, 0, 0)), tolerance_A=135.0) == (1, 0, 0)
    assert _counts(truth, _rows((136, 0, 0)), tolerance_A=135.0) == (0, 1, 1)
    assert Rules(tolerance_A=135.0).described()["tolerance_A"] == 135.0
    assert "tolerance_A" not in Rules().described()


def test_per_tomogram_and_order_of_the_truth():
    truth = [*_rows((0, 0, 0), tomogram="TS_2"), *_rows((0, 0, 0), (500, 0, 0), tomogram="TS_1")]
    picks = [*_rows((0, 0, 0), tomogram="TS_1")]
    tomograms = score_picks(table(truth), table(picks)).tomograms
    assert tomograms["tomogram"].tolist() == ["TS_2", "TS_1"]
    assert tomograms["tp"].tolist() == [0, 1]
    assert tomograms["score"].tolist() == [0.0, float(f_beta(1, 1, 2, 4.0))]


@given(st.integers(0, 2**32 - 1), st.sampled_from([(4.0, 0.5), (1.0, 1.0), (0.3, 0.25), (7.0, 1.5)]))
def test_equals_the_brute_force_to_the_last_digit(seed, settings):
    beta, factor = settings
    truth, picks = random_case(np.random.default_rng(seed))
    wanted, sums = brute_score(truth, picks, beta, factor)
    found = score_picks(table(truth), table(picks), Rules(beta=beta, radius_factor=factor))
    assert found.score == wanted
    counts = found.objects.set_index("object").loc[list(sums), ["tp", "fp", "fn"]].to_numpy().tolist()
    assert [tuple(row) for row in counts] == list(sums.values())


_COORDINATE = st.one_of(
    st.integers(-3, 3).map(lambda step: 25.0 * step), st.floats(-1e5, 1e5, allow_nan=False), st.just(0.0)
)
_POINTS = st.lists(st.tuples(_COORDINATE, _COORDINATE, _COORDINATE), max_size=12)


@given(_POINTS, _POINTS, st.one_of(st.sampled_from([25.0, 50.0, 75.0]), st.floats(1e-3, 1e4)))
def test_hits_are_those_of_plain_distances(references, candidates, reach):
    wanted = [
        any((x - u) * (x - u) + (y - v) * (y - v) + (z - w) * (z - w) <= reach * reach for u, v, w in candidates)
        for x, y, z in references
    ]
    points = (np.array(each, float).reshape(-1, 3) for each in (references, candidates))
    assert hit(*points, reach).tolist() == wanted


@given(st.integers(0, 2**32 - 1))
def test_neither_the_order_of_rows_nor_the_place_of_the_origin_matters(seed):
    rng = np.random.default_rng(seed)
    truth, picks = (table(rows) for rows in random_case(rng))
    before = score_picks(truth, picks)
    shuffled = score_picks(truth, picks.sample(frac=1, random_state=seed % 2**31))
    assert shuffled.score == before.score
    moved = [each.assign(x_A=each["x_A"] + 1024.0) for each in (truth.round(1), picks.round(1))]
    same = score_picks(*moved).counts["tp"].sum() - score_picks(truth.round(1), picks.round(1)).counts["tp"].sum()
    assert abs(same) <= 1  # a pick at the border may fall to either side by rounding


def test_f_beta_of_a_table_is_that_of_numbers():
    tp, candidates, references = np.array([[0, 3], [2, 5]]), np.array([[0, 4], [1, 9]]), np.array([[7, 3], [2, 6]])
    found = f_beta(tp, candidates, references, 4.0)
    assert found[0, 0] == 0.0
    assert found[0, 1] == 17 * (0.75 * 1.0) / (16 * 0.75 + 1.0)
    assert found[1, 0] == 17 * (2.0 * 1.0) / (16 * 2.0 + 1.0)


def test_a_frame_with_other_columns_and_index_is_read_alike(challenge):
    truth, picks = challenge
    odd = picks.assign(more=1)[["score", "more", "z_A", "y_A", "x_A", "object", "tomogram"]]
    odd.index = pd.Index(range(10, 10 + len(odd)))
    assert score_picks(truth, odd).score == score_picks(truth, picks).score
    assert 0.5 < score_picks(truth, picks).score < 0.8
