"""Ice of simulated grids told from brightness, against what it is."""

import math

import numpy as np
import pytest

from cryogauge.collect.judge.ice import USUAL_PATH_NM
from cryogauge.collect.screen.ice_map import grid_ice, ice_path_nm

PATH_NM = 310.0


def linear(nm):
    return max(0.0, 1.0 - nm / 200.0)


def grid(seed=0, squares=60, visited=(3, 11, 25), holes=40, stray=0):
    """Squares of 20 to 150 nm, holes that scatter by 6 nm about them, two exposures in each square visited."""
    rng = np.random.default_rng(seed)
    thick = rng.uniform(20, 150, squares)
    inside = np.clip(thick[:, None] + rng.normal(0, 6, (squares, holes)), 0, None)
    found = {"queue": [
        {"square": n, "brightness": 90_000 * math.exp(-inside[n].mean() / PATH_NM)} for n in range(squares)
    ]}  # fmt: skip
    seen = {n: {"targets_brightness": (500 * np.exp(-inside[n] / PATH_NM)).tolist()} for n in visited}
    rows = [
        {"exposure": f"1/{n}/{k}/0", "hole_brightness": 500 * math.exp(-inside[n, k] / PATH_NM),
         "ice_thickness_nm": inside[n, k] + (300.0 if number < stray else 0.0)}
        for number, (n, k) in enumerate((n, k) for n in visited for k in (0, 7))
    ]  # fmt: skip
    worth = float(np.mean([[linear(nm) for nm in each] for each in inside]))
    return found, seen, rows, worth, float(np.median(inside[list(visited)]))


@pytest.mark.parametrize("seed", range(4))
def test_the_ice_of_all_squares_follows_from_a_few_exposures(seed):
    found, seen, rows, worth, median_nm = grid(seed)
    ice = grid_ice(found, seen, rows, linear)
    assert ice.worth == pytest.approx(worth, abs=0.02)
    assert ice.median_nm == pytest.approx(median_nm, abs=3)
    exposed = np.mean([linear(row["ice_thickness_nm"]) for row in rows])
    assert abs(ice.worth - worth) < max(abs(exposed - worth), 0.02)


def test_an_exposure_beside_its_hole_does_not_spoil_it():
    found, seen, rows, worth, _ = grid(stray=2)
    assert grid_ice(found, seen, rows, linear).worth == pytest.approx(worth, abs=0.05)


def test_units_of_brightness_do_not_matter():
    found, seen, rows, *_ = grid()
    for square in found["queue"]:
        square["brightness"] *= 7.0
    for each in seen.values():
        each["targets_brightness"] = [value / 3.0 for value in each["targets_brightness"]]
    for row in rows:
        row["hole_brightness"] /= 3.0
    assert grid_ice(found, seen, rows, linear).worth == pytest.approx(grid_ice(*grid()[:3], linear).worth)


def test_without_a_measured_thickness_nothing_is_told():
    found, seen, rows, *_ = grid()
    assert grid_ice(found, seen, [{**row, "ice_thickness_nm": math.nan} for row in rows], linear) is None
    assert grid_ice(found, {}, rows, linear) is None
    assert grid_ice(found, {3: {"holes": 40}}, rows, linear) is None  # as earlier versions wrote it down


def exposures(path_nm, spread_nm=25.0, grids=4, each=12, seed=0):
    """Of grids of their own foil and dose; thickness and brightness err a little, and one in twelve lies beside its
    hole."""
    rng = np.random.default_rng(seed)
    rows = []
    for slot in range(1, grids + 1):
        bright, middle = rng.uniform(100, 1000), rng.uniform(20, 90)
        for k, nm in enumerate(middle + rng.normal(0, spread_nm, each)):
            hole = bright * math.exp(-nm / path_nm) * math.exp(rng.normal(0, 0.002))
            told = nm + rng.normal(0, 0.5) + (400.0 if k == 0 else 0.0)
            rows.append({"exposure": f"{slot}/3/{k}/0", "hole_brightness": hole, "ice_thickness_nm": told})
    return rows


@pytest.mark.parametrize("path_nm", [239.0, 310.0, 604.0, 1490.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_path_in_pictures_of_squares_follows_from_exposures(path_nm, seed):
    assert ice_path_nm(exposures(path_nm, seed=seed)) == pytest.approx(path_nm, rel=0.1)


def test_exposures_that_cannot_tell_the_path_leave_the_usual_one():
    rows = exposures(239.0)
    assert ice_path_nm([]) == USUAL_PATH_NM
    assert ice_path_nm(rows[:11]) == USUAL_PATH_NM
    assert ice_path_nm([{**row, "ice_thickness_nm": math.nan} for row in rows]) == USUAL_PATH_NM
    assert ice_path_nm([{**row, "hole_brightness": 7.0} for row in rows]) == USUAL_PATH_NM
    assert ice_path_nm(exposures(239.0, spread_nm=1.0)) == USUAL_PATH_NM
    assert ice_path_nm(exposures(40.0)) == USUAL_PATH_NM  # what no ice does


def test_of_many_exposures_some_are_asked():
    assert ice_path_nm(exposures(239.0, each=5000)) == pytest.approx(239.0, rel=0.05)


def test_another_path_gives_another_thickness_elsewhere():
    """Without the slit brightness differs less; the ice of a grid is the same by its own path."""
    found, seen, rows, worth, median_nm = grid()
    for square in found["queue"]:
        square["brightness"] **= 0.5
    for each in seen.values():
        each["targets_brightness"] = [value**0.5 for value in each["targets_brightness"]]
    for row in rows:
        row["hole_brightness"] **= 0.5
    ice = grid_ice(found, seen, rows, linear, 2 * PATH_NM)
    assert ice.worth == pytest.approx(worth, abs=0.02)
    assert ice.median_nm == pytest.approx(median_nm, abs=3)
    assert abs(grid_ice(found, seen, rows, linear).worth - worth) > 0.02
