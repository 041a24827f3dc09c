"""Scores of grids against what they are said to be."""

import math

import pandas as pd
import pytest

from cryogauge.collect.drivers.journal import Entry
from cryogauge.collect.judge.judge import worth_of_ice
from cryogauge.collect.screen.look import in_order
from cryogauge.collect.screen.ranking import rank_grids
from cryogauge.collect.screen.settings import Sample


def done(result):
    return Entry(0, "", {}, 0.0, "done", 0.0, result)


def row(exposure, score, weight=1.0):
    return {"exposure": exposure, "score": score, "weight": weight, "ctf_resolution_A": 5.0}


def test_a_score_is_what_a_target_taken_blindly_promises():
    steps = {
        ("squares", "1"): done({"found": 40, "usable": 0.5, "queue": [
            {"square": 7, "weight": 0.75}, {"square": 8, "weight": 0.25}, {"square": 9, "weight": 0.75},
        ]}),
        ("square", "1/7"): done({"target_share": 0.8}),
        ("square", "1/8"): Entry(0, "", {}, 0.0, "failed", 0.0, "no holes", "Skipped"),
        ("square", "1/9"): Entry(0, "", {}, 0.0, "failed", 0.0, "stuck", "StageFault"),
        ("grid", "1"): done({}), ("grid", "2"): done({}), ("skip", "2"): done({"why": "empty"}),
    }  # fmt: skip
    rows = [row("1/7/1/0", 0.9, 0.5), row("1/7/2/0", 0.3, 0.25), row("11/7/1/0", 0.0)]
    table = rank_grids({3: "later", 2: "none", 1: "good"}, steps, rows)
    assert table["slot"].tolist() == [1, 2, 3]
    blind = 0.5 * (0.75 * 0.8 * (0.9 * 0.5 + 0.3 * 0.25) / 0.75 + 0.25 * 0.0)
    assert table["score"][0] == pytest.approx(blind)
    assert table["score"][0] == pytest.approx(
        table.loc[0, ["squares_score", "holes_score", "exposures_score"]].astype(float).prod()
    )
    assert table["squares_seen"][0] == 2  # the stage's fault says nothing of the square
    assert (table["score"][1], table["note"][1]) == (0.0, "empty")
    assert math.isnan(table["score"][2])


def test_clusters_are_weighed_by_what_they_hold_and_the_rest_follows():
    table = pd.DataFrame({
        "square": range(10), "score": [1.0] * 9 + [0.0], "brightness": [5.0] * 6 + [50.0] * 3 + [99.0],
        "x_px": 0.0, "y_px": 0.0,
    })  # fmt: skip
    queue = in_order(table, Sample(count=2, strategy="clusters", groups=2), seed=0)
    assert sorted(queue["square"]) == list(range(9))
    assert sorted(queue["weight"][:2]) == pytest.approx([3 / 9, 6 / 9])
    assert (queue["chosen_because"] != "").tolist() == [True] * 2 + [False] * 7
    assert in_order(table[9:], Sample(), seed=0).empty


#: What a coverage of 0.1 leaves, told by four exposures to 0.01: each further particle is worth less, up to 0.25.
_ENOUGH = 0.11 / (0.11 + 0.03) * (0.25 + 0.03) / 0.25


def _measured(coverage, ice_nm, error=0.02):
    """Steps and rows of a grid of even ice whose exposures are all alike."""
    bright = 100 * math.exp(-ice_nm / 310)
    steps = {
        ("squares", "1"): done({"found": 10, "usable": 1.0, "queue": [
            {"square": n, "weight": 1.0, "brightness": 900 * math.exp(-ice_nm / 310)} for n in range(8)
        ]}),
        ("square", "1/0"): done({"target_share": 1.0, "targets_brightness": [bright] * 20}),
    }  # fmt: skip
    disc_um2 = math.pi / 4 * 0.012**2
    rows = [
        row(f"1/0/{k}/0", 0.8) | {
            "ice_thickness_nm": ice_nm, "hole_brightness": bright, "part_particles": 1.0, "particle_diameter_A": 120.0,
            "particles_per_um2": coverage / disc_um2, "particles_per_um2_error": error / disc_um2,
        }
        for k in range(4)
    ]  # fmt: skip
    return steps, rows


def test_crowded_and_empty_grids_of_the_same_ice_rank_below_a_good_one():
    score = {c: rank_grids({1: "a"}, *_measured(c, 40.0))["score"][0] for c in (0.0, 0.1, 0.5)}
    assert score[0.1] == pytest.approx(0.8 * math.exp(-40.0 / 310) * _ENOUGH)
    assert score[0.0] < 0.9 * score[0.1]
    assert score[0.5] < 0.5 * score[0.1]
    doubtful = rank_grids({1: "a"}, *_measured(0.0, 40.0, error=0.6))
    assert doubtful["score"][0] == pytest.approx(score[0.1] / _ENOUGH)  # one cannot tell


def test_what_exposures_lost_by_their_ice_is_not_counted_twice():
    steps, rows = _measured(0.1, 120.0)
    worth = worth_of_ice(120.0)
    rows = [each | {"score": worth} for each in rows]
    table = rank_grids({1: "a"}, steps, rows)
    assert table["score"][0] == pytest.approx(worth * math.exp(-120.0 / 310) * _ENOUGH)
    assert table["ice_nm"][0] == pytest.approx(120.0)
    assert table["particle_coverage"][0] == pytest.approx(0.1)


def test_of_grids_of_good_ice_the_thinner_ranks_first():
    thin, middling = (rank_grids({1: "a"}, *_measured(0.1, nm))["score"][0] for nm in (30.0, 55.0))
    assert thin == pytest.approx(middling * math.exp(25.0 / 310))


def test_particles_that_are_counted_are_not_weighed_again_by_the_class():
    def score(kind, *, counted=True):
        steps, rows = _measured(0.25, 40.0)
        own = {"kind": kind, "score": 0.5, "part_class": 0.6}
        own |= {} if counted else {"particles_per_um2_error": math.nan}
        return rank_grids({1: "a"}, steps, [each | own for each in rows])["score"][0]

    spoilt = score("contaminated")
    assert spoilt == pytest.approx(0.5 * math.exp(-40.0 / 310))
    assert score("crystalline") == pytest.approx(spoilt)
    assert score("decent") == pytest.approx(spoilt / 0.6)
    assert score("decent", counted=False) == pytest.approx(spoilt)  # nothing else tells of them then


def test_exposures_of_all_grids_tell_the_path_of_the_beam_in_pictures_of_squares():
    """The one that is ranked was exposed in even ice, and the squares not visited are darker."""

    def told(path_nm, nm):
        return 100 * math.exp(-nm / path_nm)

    def score(path_nm, others):
        steps, rows = _measured(0.1, 30.0)
        (squares, square), each = steps.values(), [one | {"hole_brightness": told(path_nm, 30.0)} for one in rows]
        square.result["targets_brightness"] = [told(path_nm, 30.0)] * 20
        for place in squares.result["queue"]:
            place["brightness"] = told(path_nm, 30.0 if place["square"] == 0 else 90.0)
        elsewhere = [
            row(f"2/0/{k}/0", 0.8) | {"ice_thickness_nm": 5.0 * k, "hole_brightness": told(path_nm, 5.0 * k)}
            for k in range(others)
        ]
        return rank_grids({1: "a"}, steps, each + elsewhere)["score"][0]

    assert score(240.0, 24) == pytest.approx(score(310.0, 24))
    assert score(604.0, 24) == pytest.approx(score(310.0, 24))
    assert score(604.0, 0) > 1.1 * score(310.0, 24)  # nobody tells that the slit is out
