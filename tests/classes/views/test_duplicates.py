import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, rotate, shift

from cryogauge.classes.views.duplicates import DUPLICATE_COLUMNS, find_duplicates
from cryogauge.records import BadInput
from tests.classes.views.worlds import any_views, averages, stacked, structure


def spread_views(count: int, rng: np.random.Generator) -> np.ndarray:
    """Views at least 40 degrees apart, mirror images too."""
    kept: list[np.ndarray] = []
    while len(kept) < count:
        view = any_views(1, rng)[0]
        if all(abs(view[2] @ other[2]) < np.cos(np.deg2rad(40)) for other in kept):
            kept.append(view)
    return np.array(kept)


@pytest.fixture(scope="module")
def stack():
    """Four views; the first again, turned and moved; the second mirrored."""
    rng = np.random.default_rng(0)
    views = spread_views(4, rng)
    images = averages(structure(1), views, rng)
    again = averages(structure(1), views[:2], rng)
    again[0] = shift(rotate(again[0], 77, reshape=False, order=3), (3, -4), order=3)
    again[1] = again[1][:, ::-1]
    return stacked(np.concatenate([images, again]))


def test_the_same_view_is_found_whatever_its_turn_and_place(stack):
    found = find_duplicates(stack)
    assert tuple(found.table.columns) == DUPLICATE_COLUMNS
    assert found.table["group"].tolist() == [1, 0, 0, 0, 1, 0]
    assert found.table["most_like"].tolist()[0] == 5
    assert "Classes 1, 5 show the same view" in found.sentences[0]
    assert not found.table["attractor"].any()


def test_a_mirror_image_is_another_view_unless_asked(stack):
    table = find_duplicates(stack, mirror=True).table
    assert table["group"].tolist() == [1, 2, 0, 0, 1, 2]


def test_a_class_that_draws_in_what_fits_nowhere_is_named(stack):
    sharp = np.asarray(stack.images[:4])
    blurred = np.stack([rotate(gaussian_filter(sharp[0], width), angle, reshape=False) for width, angle in
                        ((2.5, 40), (3.0, 110), (2.7, 200))])  # fmt: skip
    shares = np.r_[0.5, np.full(6, 0.5 / 6)]
    found = find_duplicates(stacked(np.concatenate([sharp, blurred]), distribution=shares))
    assert found.table["attractor"].tolist() == [True] + [False] * 6
    assert found.table["blurred_copies"].tolist()[0] == 3
    assert "Class 1 looks like an attractor: it holds 50 % of the particles" in found.sentences[-1]
    assert "blurred copies of it (5, 6, 7)" in found.sentences[-1]


def test_a_full_class_of_low_resolution_is_an_attractor(stack):
    found = find_duplicates(
        stacked(stack.images[:4], distribution=[0.7, 0.1, 0.1, 0.1], resolution_A=[20.0, 9.0, 8.0, 8.5])
    )
    assert found.table["attractor"].tolist() == [True, False, False, False]
    assert "resolves only 20.0 Å where 8.8 Å is usual" in found.sentences[-1]


def test_one_average_has_no_double_and_none_is_refused(stack):
    found = find_duplicates(stacked(stack.images[:1]))
    assert found.table["group"].tolist() == [0]
    assert found.sentences == ("No two averages show the same view.",)
    with pytest.raises(BadInput, match="holds no averages"):
        find_duplicates(stacked(stack.images[:0]))
