import numpy as np
import pandas as pd
import pytest

from cryogauge.classes.features import FEATURES, class_features

FRAME_PX = np.full(4, 60.0)


def table(resolution, distribution):
    return pd.DataFrame({"resolution_A": resolution, "distribution": distribution})


def test_what_was_not_told_is_usual_and_marked():
    features, missing = class_features(table([np.nan, 9.0], [np.nan, np.nan]), None, np.full(2, np.nan), FRAME_PX[:2])
    assert missing.tolist() == [[True] * 7, [True, False, True, True, True, True, True]]
    assert features == pytest.approx(0.0)


@pytest.mark.parametrize("none", [999.0, np.inf, 1e6, -1.0, 0.0])
def test_what_programs_write_for_no_resolution_is_missing(none):
    _, missing = class_features(table([none], [1.0]), 1.6, np.array([100.0]), FRAME_PX[:1])
    assert missing[0].tolist() == [False, True, False, False, False, False, False]


def test_better_resolution_finer_pixels_and_rarer_classes_are_lower():
    told, masses = table([4.0, 8.0], [0.1, 0.9]), np.array([50.0, 150.0])
    features, _ = class_features(told, 1.0, masses, FRAME_PX[:2])
    assert dict(zip(FEATURES, features[0] < features[1], strict=True)) == {
        "pixel_size": False, "resolution": True, "distribution": True, "mass_from_mean": True,
        "mass_from_median": True, "mass_from_mode": True, "frame_size": False,
    }  # fmt: skip
    coarser, _ = class_features(told, 2.0, masses, FRAME_PX[:2])
    assert (coarser[:, [0, 6]] > features[:, [0, 6]]).all()
    binned, _ = class_features(told, 2.0, masses, FRAME_PX[:2] / 2)
    assert binned[:, 6] == pytest.approx(features[:, 6])


def test_the_scale_of_masses_plays_no_part_and_nothing_is_far_out():
    masses = np.array([1.0, 100.0, 120.0, 1e7])
    one, _ = class_features(table([5.0] * 4, [0.25] * 4), 1.0, masses, FRAME_PX)
    other, _ = class_features(table([5.0] * 4, [0.25] * 4), 1.0, masses * 1e4, FRAME_PX)
    assert one == pytest.approx(other, abs=1e-5)
    assert np.abs(one).max() <= 3.0
