"""From tiles to scores: scales, controls, errors."""

import numpy as np

from cryogauge.learn.weights import ModelCard
from cryogauge.score.network import ERROR, QUALITY, STRUCTURE
from cryogauge.score.tiles import (
    CONTROL_MARGIN,
    calibrated,
    control_score,
    local_scores,
    scores_of_tiles,
    slice_errors,
    tile_values,
)

CARD = ModelCard("any", {}, "", "", 0, "")
CALIBRATED = ModelCard(
    *("any", {}, "", "", 0, ""),
    tables={
        "calibration": {"network": [0.0, 0.2, 0.5, 1.0], "oracle": [0.0, 0.0, 0.7, 1.0]},
        "picture_calibration": {"network": [0.0, 1.0], "oracle": [0.5, 1.0]},
    },
)


def test_calibration_keeps_the_order_and_reaches_the_ends():
    stretched = calibrated(np.array([0.0, 0.1, 0.35, 0.5, 1.0]), CALIBRATED)
    np.testing.assert_allclose(stretched, [0.0, 0.0, 0.35, 0.7, 1.0], atol=1e-6)


def test_pictures_have_a_calibration_of_their_own():
    assert calibrated(np.array([0.0, 0.5]), CALIBRATED, single=True).tolist() == [0.5, 0.75]
    assert calibrated(np.array([0.0, 0.5]), CARD, single=True).tolist() == [0.0, 0.5]


def test_what_the_network_says_becomes_values():
    out = np.zeros((1, 3, 1, 2), dtype=np.float32)
    out[0, QUALITY], out[0, STRUCTURE], out[0, ERROR] = (0.0, 9.0), (-9.0, 0.0), (-100.0, 100.0)
    quality, presence, error = tile_values(out)
    np.testing.assert_allclose(quality[0, 0], [0.5, 1.0], atol=1e-3)
    np.testing.assert_allclose(presence[0, 0], [0.0, 0.5], atol=1e-3)
    np.testing.assert_allclose(error[0, 0], np.exp([-6, 1]), rtol=1e-6)  # no error is beyond belief


def test_what_a_control_gets_is_taken_off_with_its_margin():
    qualities = np.array([[[0.0, 0.5 * CONTROL_MARGIN, 0.8, 1.0]]])
    floor = 0.5 * CONTROL_MARGIN
    local = local_scores(qualities, CARD, np.array([0.5])[:, None, None], float("nan"))
    np.testing.assert_allclose(local[0, 0], [0.0, 0.0, (0.8 - floor) / (1 - floor), 1.0], atol=1e-6)
    assert local_scores(np.ones((1, 1, 1)), CARD, np.array([[[2.0]]]), float("nan")).item() == 1.0  # can be beaten


def test_the_best_control_counts():
    out = np.full((3, 3, 8, 8), 9.0, dtype=np.float32)
    out[:, QUALITY] = np.array([-9.0, 0.0, -2.0])[:, None, None]
    assert abs(control_score(out, CARD) - 0.5) < 1e-3
    assert abs(control_score(out, CALIBRATED) - 0.7) < 1e-3
    out[:, STRUCTURE] = -9.0
    assert control_score(out, CARD) == 0.0


def test_tiles_with_structure_decide_a_slice_s_error():
    error = np.array([[[0.1, 0.3]], [[0.1, 0.3]]])
    presence = np.array([[[0.9, 0.2]], [[0.1, 0.2]]])
    np.testing.assert_allclose(slice_errors(error, presence), [0.1, 0.2])


def test_scores_are_smoothed_along_z_and_only_there():
    quality = np.zeros((21, 8, 8))
    quality[10] = 1.0
    score = scores_of_tiles(quality, np.ones_like(quality))
    assert np.argmax(score) == 10
    assert 0 < score[8] < score[9] < score[10] < 1
    np.testing.assert_allclose(score.sum(), 1.0, atol=1e-3)
