import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryogauge.imaging.class2d import ALIGNMENT_COLUMNS, align_to, polar_correlation
from cryogauge.records import BadInput
from tests.imaging.class2d.shapes import SHAPES, shape

BOX = 40
REFERENCES = np.stack([shape(k, BOX) for k in range(len(SHAPES))])


def turned_by(found, expected):
    return abs((found - expected + 180) % 360 - 180)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, len(SHAPES) - 1), st.floats(0, 360), st.floats(-2.5, 2.5), st.floats(-2.5, 2.5), st.booleans(),
    st.floats(-5, 5), st.floats(0.1, 10),
)  # fmt: skip
def test_turn_shift_and_mirror_are_found_whatever_the_brightness(number, angle, dy, dx, mirrored, level, gain):
    image = level + gain * shape(number, BOX, angle, (dy, dx), mirrored)
    (row,) = align_to(image[None], REFERENCES).to_dict("records")
    assert tuple(row) == ALIGNMENT_COLUMNS
    assert (row["reference"], row["mirrored"]) == (number, mirrored)
    assert turned_by(row["angle_deg"], angle) < 1
    assert abs(row["shift_y_px"] - dy) < 0.3
    assert abs(row["shift_x_px"] - dx) < 0.3
    assert row["correlation"] > 0.99


def test_alignment_holds_in_noise():
    rng = np.random.default_rng(1)
    images = np.stack([shape(k, BOX, 50.0 * k, (1.0, -2.0), k == 1) for k in range(3)])
    images += rng.normal(0, images.std(), images.shape)
    table = align_to(images, REFERENCES)
    assert list(table["reference"]) == [0, 1, 2]
    assert list(table["mirrored"]) == [False, True, False]
    assert turned_by(table["angle_deg"].to_numpy(), np.array([0.0, 50.0, 100.0])).max() < 5
    assert np.abs(table[["shift_y_px", "shift_x_px"]].to_numpy() - [1.0, -2.0]).max() < 0.6


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 360), st.booleans())
def test_correlation_does_not_change_with_the_turn(angle, mirrored):
    images = np.stack([shape(k, BOX, angle, mirrored=mirrored) for k in range(3)])
    angles, correlation, flags = polar_correlation(images, REFERENCES)
    _, still, _ = polar_correlation(REFERENCES, REFERENCES)
    assert correlation == pytest.approx(still, abs=2e-3)
    assert np.diag(correlation) == pytest.approx(1.0, abs=1e-3)
    assert (np.diag(flags) == mirrored).all()
    assert turned_by(np.diag(angles), angle).max() < 1


def test_without_mirroring_a_mirror_image_is_another():
    image = shape(2, BOX, mirrored=True)[None]
    _, plain, flags = polar_correlation(image, REFERENCES, mirror=False)
    _, either, _ = polar_correlation(image, REFERENCES)
    assert not flags.any()
    assert plain[0, 2] < 0.95 < 0.99 < either[0, 2]


def test_the_plain_correlation_coefficient_is_agreed_with():
    """Of shapes within the mask and the rings, as they lie: numpy's coefficient over the box."""
    pair = np.stack([shape(0, BOX), shape(0, BOX, 8.0)])
    angle, correlation, _ = polar_correlation(pair[:1], pair[1:], mirror=False)
    assert turned_by(angle[0, 0], -8.0) < 0.5
    assert correlation[0, 0] == pytest.approx(1.0, abs=2e-3)
    a, b = (image - image.mean() for image in (shape(0, BOX), shape(2, BOX)))
    best = polar_correlation(a[None], b[None], mirror=False)
    turned = shape(2, BOX, float(best[0][0, 0]))
    assert best[1][0, 0] == pytest.approx(np.corrcoef(a.ravel(), turned.ravel())[0, 1], abs=0.05)


def test_constant_images_correlate_with_nothing():
    _, correlation, _ = polar_correlation(np.ones((1, BOX, BOX)), REFERENCES)
    assert (correlation == 0).all()


@pytest.mark.parametrize(
    ("images", "references", "shift", "message"),
    [
        (np.zeros((2, 20, 24)), REFERENCES, 2, "must be square"),
        (np.zeros((2, 20, 20)), REFERENCES, 2, "images of 20 and references of 40 pixels"),
        (np.full((2, BOX, BOX), np.nan), REFERENCES, 2, "number 0 .* of the images"),
        (REFERENCES, REFERENCES, -1, "a largest shift of -1 pixels"),
    ],
)
def test_what_cannot_be_compared_is_refused(images, references, shift, message):
    with pytest.raises(BadInput, match=message):
        align_to(images, references, max_shift_px=shift)
