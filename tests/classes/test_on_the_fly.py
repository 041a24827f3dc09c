"""What is told of class averages while a session goes on."""

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from cryogauge.classes.on_the_fly import class_eye, look_at_classes
from cryogauge.imaging.transforms import irfft2
from cryogauge.io import write_mrc
from cryogauge.records import BadInput, ClassStack
from cryogauge.simulate.classes.assemble import made_complex
from cryogauge.simulate.classes.views import random_views, scattered_views, splat
from tests.collect.screen.seen import STRUCTURE

EDGE_PX, PIXEL_A = 48, 4.0


def averages(views, noise=0.03, particles=2000, structure=STRUCTURE):
    rng = np.random.default_rng(1)
    shown = np.stack([irfft2(splat(structure, view[None], EDGE_PX, PIXEL_A), (EDGE_PX, EDGE_PX)) for view in views])
    grain = gaussian_filter(rng.standard_normal(shown.shape), (0, 1, 1))  # averages end where their halves disagree
    images = shown / shown.max() + noise * grain / grain.std()
    count = len(images)
    table = pd.DataFrame({
        "class": np.arange(count), "resolution_A": 10.0, "distribution": 1 / count, "particles": particles // count,
    })  # fmt: skip
    return ClassStack(images.astype(np.float32), PIXEL_A, table)


@pytest.fixture(scope="module")
def from_all_sides():
    return averages(random_views(12, np.random.default_rng(5)))


def test_views_from_all_sides_are_many(from_all_sides):
    told = look_at_classes(from_all_sides)
    assert told["good_share"] > 0.8
    assert told["flags"] == ""
    assert told["views"] > 4
    assert told["spread_by"] == "likeness"
    assert "without a map" in told["said"]
    assert np.isnan(told["views_covered"])


def test_one_view_turned_and_mirrored_is_one_and_two_are_two():
    rng = np.random.default_rng(2)
    poles = random_views(2, np.random.default_rng(8))
    mirror = averages(scattered_views(poles[0], 6, 3.0, 180.0, rng))
    mirror.images[::2] = mirror.images[::2, :, ::-1]
    told = look_at_classes(mirror)
    assert told["flags"] == "one_sided"
    assert (told["views_of_nine"], told["crowd_share"]) == (1, pytest.approx(1))
    both = averages(np.concatenate([scattered_views(pole, 4, 3.0, 180.0, rng) for pole in poles]))
    told = look_at_classes(both)
    assert told["flags"] == "one_sided"
    assert "show two views" in told["said"]
    assert told["views"] == pytest.approx(2, abs=0.1)


def test_noise_is_poor_once_there_are_enough_particles():
    for particles, flags, said in (
        (600, "", "want of particles"),
        (2000, "poor_classes", "Poor classes: only 0 % of 1998 particles"),
    ):
        told = look_at_classes(averages(random_views(6, np.random.default_rng(1)), noise=3.0, particles=particles))
        assert told["flags"] == flags
        assert said in told["said"]
        assert told["spread_by"] == ""
        assert np.isnan(told["views"])


def test_classes_are_not_poor_while_one_is_good():
    views = random_views(14, np.random.default_rng(1))
    images = averages(views, noise=3.0).images
    images[0] = averages(views[:1]).images[0]
    table = pd.DataFrame({"class": np.arange(14), "resolution_A": 10.0, "distribution": 1 / 14, "particles": 200})
    told = look_at_classes(ClassStack(images, PIXEL_A, table))
    assert told["shown_share"] < 0.2
    assert told["best_grade"] < 4
    assert told["flags"] == ""


def test_three_views_are_one_sided_and_more_are_not():
    rng, poles = np.random.default_rng(2), random_views(7, np.random.default_rng(8))
    for count, flags in ((3, "one_sided"), (7, "")):
        told = look_at_classes(
            averages(np.concatenate([scattered_views(pole, 2, 3.0, 180.0, rng) for pole in poles[:count]]))
        )
        assert (told["views_of_nine"] <= 3, told["flags"]) == (count == 3, flags)


def test_blurred_averages_of_few_particles_are_not_called_one_sided():
    views = scattered_views(random_views(1, np.random.default_rng(8))[0], 6, 3.0, 180.0, np.random.default_rng(2))
    images = gaussian_filter(averages(views, noise=0.0).images, (0, 3.0, 3.0))
    few, many = (
        look_at_classes(ClassStack(images, PIXEL_A, averages(views, particles=particles).table))
        for particles in (300, 3000)
    )
    assert few["good_share"] < 0.5 <= few["shown_share"]
    assert few["views_of_nine"] == many["views_of_nine"] == 1
    assert (few["flags"], many["flags"]) == ("", "one_sided")


def test_with_a_map_views_are_directions_on_it(tmp_path):
    edge, step = 56, 3.5
    structure = made_complex("complex", 250.0, "C1", np.random.default_rng(2))
    z, y, x = np.rint(structure.points_A / step + edge // 2).astype(int).T
    density = np.zeros((edge, edge, edge), np.float32)
    np.add.at(density, (z, y, x), 1.0)
    write_mrc(tmp_path / "map.mrc", gaussian_filter(density, 1.2), step)
    eye = class_eye(str(tmp_path / "map.mrc"))
    told = eye(averages(random_views(12, np.random.default_rng(5)), structure=structure))
    assert told["spread_by"] == "map"
    assert told["views_covered"] > 0.3
    assert 0 < told["scf"] <= 1
    assert "even" in told["said"] or "Preferred orientation" in told["said"]


def test_a_map_that_is_none_is_refused_before_a_session(tmp_path):
    with pytest.raises(BadInput):
        class_eye(str(tmp_path / "missing.mrc"))
    with pytest.raises(BadInput, match="symmetry"):
        class_eye("", "X9")
