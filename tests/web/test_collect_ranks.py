"""Scores of grids while a session goes on, against those of its report."""

import math
import time

import pytest

from cryogauge.collect.screen.ranking import rank_grids
from cryogauge.web.collect_ranks import Ranks
from tests.collect.screen.written import Written

_DISC_UM2 = math.pi / 4 * 0.012**2


def judged(name, nm, coverage, power_A2):
    """An exposure; its hole's brightness is that of pictures in which ice takes the more of the beam."""
    return {
        "exposure": name, "score": 0.8, "weight": 1.0, "ctf_resolution_A": 4.0, "kind": "great",
        "ice_thickness_nm": nm, "hole_brightness": 500 * math.exp(-nm / 239), "part_particles": 1.0,
        "particle_diameter_A": 120.0, "particle_coverage": coverage, "particle_power_A2": power_A2,
        "particles_per_um2": coverage / _DISC_UM2, "particles_per_um2_error": 0.02 / _DISC_UM2,
    }  # fmt: skip


def looked_at(session, slot, middle_nm, coverage, power_A2):
    bright = [500 * math.exp(-(middle_nm + d) / 239) for d in range(-10, 11)]
    queue = [{"square": n, "score": 0.9, "weight": 1.0, "brightness": 9e4 * math.exp(-(middle_nm + 3 * n) / 239)}
             for n in range(6)]  # fmt: skip
    session.step("squares", str(slot), {"found": 8, "usable": 0.7, "queue": queue})
    session.step("square", f"{slot}/0", {"target_share": 0.9, "targets_brightness": bright})
    for k in range(9):
        name = f"{slot}/0/{k}/0"
        session.step("judged", name, judged(name, middle_nm + 2 * (k - 4), coverage, power_A2))


def scored(ranks, session):
    """As the page tells them when the thread is done."""
    for _ in range(1200):
        with session.lock:
            ranks.refresh()
            if ranks.age == len(session.changed):
                assert not session.problems
                return {row["slot"]: row["score"] for row in ranks.told()}
        time.sleep(0.05)
    raise AssertionError("the grids were not ranked in a minute")


def test_grids_are_scored_as_by_the_report_also_after_others_told_more(tmp_path):
    """The first grid's scale and path come from the second, which is exposed later."""
    written = Written(tmp_path, grids=2)
    ranks = Ranks(written.session)
    names = {1: "grid 1", 2: "grid 2"}
    looked_at(written, 1, 60.0, 0.3, 0.02)
    alone = scored(ranks, written.session)
    assert math.isnan(alone[2])
    looked_at(written, 2, 40.0, 0.1, 0.0035)
    both = scored(ranks, written.session)
    steps = dict(written.session.steps)
    report = rank_grids(names, steps, list(written.session.rows.values())).set_index("slot")["score"]
    assert both == pytest.approx(dict(report))
    assert both[1] < 0.9 * alone[1], "the second grid tells how crowded the first one is"
