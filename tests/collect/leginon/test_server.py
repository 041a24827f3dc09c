"""One microscope's sessions: what is learned, from whom, and that nothing is learned of what was not measured."""

import csv
import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from cryogauge.collect.leginon import server as module
from cryogauge.collect.leginon.server import LearningServer
from cryogauge.collect.targets.square_kinds import COLUMNS
from cryogauge.collect.targets.squares import Squares
from cryogauge.records import BadInput

RELATIVES = np.linspace(0.4, 1.3, 19)


@pytest.fixture
def learning(tmp_path, monkeypatch):
    """A server whose finders find what they are told, not what they see."""

    def squares(image):
        rows = [
            {"score": 0.8, "square": k, "kind": "intact", "x_px": 10.0 * k, "y_px": 5.0,
             "vertices": ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)), "side_px": 9.0, "area_px": 81.0,
             "area_um2": np.nan, "brightness": 100.0 * r, "relative": float(r), "usable": 1.0, "partial": False,
             "flags": (), "why": "whole film"}
            for k, r in enumerate(RELATIVES)
        ]  # fmt: skip
        return Squares(pd.DataFrame(rows, columns=list(COLUMNS)), None, 0.0, 9.0)

    def holes(image, vacuum):
        rows = [
            {"score": 0.9 if k else 0.0, "brightness": 100.0, "ice_nm": 30.0, "clean": 1.0, "confidence": 1.0,
             "x_px": float(k), "y_px": 0.0, "diameter_px": 8.0, "why": "a bright hole"}
            for k in range(6)
        ]  # fmt: skip
        return type("Found", (), {"table": pd.DataFrame(rows), "note": ""})

    monkeypatch.setattr(module, "find_squares", squares)
    monkeypatch.setattr(module, "find_holes", holes)
    server = LearningServer(tmp_path / "krios")
    yield server
    server.close()


def _rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def _visit(server, square_id, ctf_A, ice_nm=30.0, image=None):
    image = np.full((4, 4), square_id, np.float32) if image is None else image
    values = {"grid_id": 1, "square_id": square_id, "mm_img_id": 100 + square_id}
    found = _rows(server.answer("push_and_evaluate_mm", values, image))
    ids = [int(row["hole_id"]) for row in found]
    server.answer("visit_holes", {"hole_ids": ids, "ctfs": [ctf_A] * 6, "ice_thicknesses": [ice_nm] * 6}, None)
    return found


def _push(server, tile=1, grid=1, value=0):
    return server.answer("push_lm", {"grid_id": grid, "tile_id": tile}, np.full((4, 4), value, np.float32))


def _next(server, grid=-1):
    return _rows(server.answer("select_next_square", {"value": grid}, None))


def test_the_order_is_learned_from_what_was_measured(learning):
    _push(learning)
    assert "GP_probs" not in _next(learning)[0]  # nothing measured: the finders' own order
    for square_id in (2, 9, 16):  # thin ice is best here, whatever the score says
        _visit(learning, square_id, ctf_A=12.0 - 0.5 * square_id)
    told = _next(learning)
    order = [int(row["square_id"]) for row in told]
    assert set(order) == set(range(19)) - {2, 9, 16}
    assert np.mean(order[:5]) > 13
    assert np.mean(order[-5:]) < 6
    assert float(told[0]["GP_probs"]) > float(told[-1]["GP_probs"])
    assert "after 3 visited" in told[0]["why"]
    assert "square 16, which gave 4.0 Å" in told[0]["why"]


def test_tiles_that_come_at_once_are_all_kept(learning):
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda tile: _push(learning, tile=tile), range(8)))
    assert told == [{"squares": 19, "note": ""}] * 8
    rows = _rows(learning.answer("current_lm_state", {}, None))
    assert sorted(int(row["square_id"]) for row in rows) == list(range(8 * 19))
    assert {int(row["tile_id"]) for row in rows} == set(range(8))


def test_holes_keep_what_rules_them_out(learning):
    _push(learning)
    for square_id in (2, 9):
        found = _visit(learning, square_id, ctf_A=4.0)
    assert "GP_probs" not in found[0]  # six holes are too few
    found = _visit(learning, 16, ctf_A=4.0)
    assert [float(row["GP_probs"]) > 0 for row in found] == [True] * 5 + [False]
    assert found[-1]["why"] == "a bright hole"
    assert 3 < float(found[0]["ctf_pred"]) < 6


def test_unmeasured_holes_teach_nothing_and_empty_ones_the_worst(learning):
    _push(learning)
    for square_id in (2, 9, 16):
        _visit(learning, square_id, ctf_A=float("nan"))
    assert "GP_probs" not in _next(learning)[0]
    for square_id in (0, 1, 18):
        _visit(learning, square_id, ctf_A=3.0, ice_nm=0.0 if square_id == 18 else 30.0)
    order = [int(row["square_id"]) for row in _next(learning)]
    assert order.index(3) < order.index(17)


def test_a_new_session_begins_empty_and_learns_from_saved_ones(learning, tmp_path):
    _push(learning)
    for square_id in (2, 9, 16):
        _visit(learning, square_id, ctf_A=12.0 - 0.5 * square_id)
    assert learning.answer("save_state", {"path": "/data/sites/first"}, None) == {"saved": "states/first.jsonl"}
    learning.answer("initialize_new_session", {}, None)
    assert learning.session.name == "session_0002"
    learning.answer("initialize_new_session", {"historical_state_paths": ["first"]}, None)
    assert learning.session.name == "session_0002"  # nothing had come in between
    _push(learning, value=1)
    told = _next(learning)
    assert min(int(row["square_id"]) for row in told) == 19  # numbers are never used twice
    assert float(told[0]["GP_probs"]) > float(told[-1]["GP_probs"])
    learning.close()
    again = LearningServer(tmp_path / "krios")
    assert [row["square_id"] for row in _next(again)] == [row["square_id"] for row in told]
    again.close()


def test_another_image_of_a_tile_replaces_what_was_not_visited(learning):
    _push(learning)
    _visit(learning, 4, ctf_A=4.0)
    assert _push(learning) == {"squares": "known"}
    _push(learning, value=1)
    assert set(learning.session.squares) == {4, *range(19, 38)}
    _push(learning, grid=2, tile=1)
    assert {int(row["grid_id"]) for row in _next(learning, 2)} == {2}
    assert len(_next(learning, 2)) == 19


def test_a_square_left_without_a_hole_counts_as_one_of_the_worst(learning):
    _push(learning)
    for square_id in (0, 1, 2):
        _visit(learning, square_id, ctf_A=4.0)
    for square_id in (17, 18):
        learning.answer("visit_square", {"square_id": square_id}, None)
    order = [int(row["square_id"]) for row in _next(learning)]
    assert order.index(3) < order.index(16)


@pytest.mark.parametrize(
    ("call", "values", "told"),
    [
        ("push_lm", {"grid_id": 1, "tile_id": None}, "tile_id"),
        ("push_lm", {"grid_id": 1.5, "tile_id": 2}, "grid_id"),
        ("select_next_square", {"value": True}, "value"),
        ("visit_holes", {"hole_ids": 3, "ctfs": [], "ice_thicknesses": []}, "hole_ids is no list"),
        ("visit_holes", {"hole_ids": [1], "ctfs": ["x"], "ice_thicknesses": [1]}, "ctfs"),
        ("initialize_new_session", {"historical_state_paths": "x"}, "no list"),
        ("set_noice_hole_intensity", {"value": "bright"}, "value"),
        ("make_coffee", {}, "make_coffee"),
    ],
)
def test_calls_that_cannot_be(learning, call, values, told):
    with pytest.raises(BadInput, match=told):
        learning.answer(call, values, np.zeros((4, 4), np.float32))
