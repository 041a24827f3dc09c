"""What can be judged at all, and what is unlike the training set."""

import numpy as np
import pytest

from cryogauge.learn.weights import ModelCard
from cryogauge.records import BadInput, Volume
from cryogauge.score import domain


def _noise(shape=(24, 64, 64), seed=0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_a_sound_volume_has_no_flags():
    assert domain.inspect(Volume(_noise(), 10.0), "a") == {}


def test_nothing_but_nan_is_refused():
    with pytest.raises(BadInput, match="a holds no number"):
        domain.inspect(Volume(np.full((8, 64, 64), np.nan, dtype=np.float32), 10.0), "a")


@pytest.mark.parametrize("level", [0.0, 7.0])
def test_a_constant_volume_is_refused(level):
    with pytest.raises(BadInput, match="a is constant"):
        domain.inspect(Volume(np.full((8, 64, 64), level, dtype=np.float32), 10.0), "a")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_slices_with_what_is_no_number_are_named(bad):
    data = _noise()
    data[7] = bad
    assert "z = 7" in domain.inspect(Volume(data, 10.0), "a")["out_of_domain"]


def test_many_constant_slices_are_flagged_and_a_few_are_not():
    data = _noise()
    data[:2] = 0
    assert domain.inspect(Volume(data, 10.0), "a") == {}
    data[:8] = 0
    assert "8 of 24" in domain.inspect(Volume(data, 10.0), "a")["out_of_domain"]


@pytest.mark.parametrize(("value", "message"), [(np.nan, "no number"), (3.0, "every value is 3")])
def test_a_picture_without_values_is_refused(value, message):
    with pytest.raises(BadInput, match=message):
        domain.require_values(np.full((40, 40), value, dtype=np.float32), "a")


def test_features_do_not_depend_on_the_grey_scale():
    data = _noise()
    first = domain.features(Volume(data, 10.0))
    assert np.isfinite(first).all()
    np.testing.assert_allclose(domain.features(Volume(data * 64.0, 10.0)), first, atol=1e-6)


def _card(features: np.ndarray) -> ModelCard:
    mean, covariance = features.mean(axis=0), np.cov(features.T) + 1e-3 * np.eye(features.shape[1])
    inverse = np.linalg.inv(covariance)
    offset = features - mean
    distance = np.sqrt(np.einsum("ij,jk,ik->i", offset, inverse, offset))
    table = {"mean": mean.tolist(), "inverse_covariance": inverse.tolist(), "limit": 1.5 * float(distance.max())}
    return ModelCard("a", {}, "", "", 0, "", tables={"domain": table})


def test_what_is_unlike_the_training_set_is_flagged():
    from scipy.ndimage import gaussian_filter

    known = np.stack([domain.features(Volume(_noise(seed=k), 10.0)) for k in range(40)])
    card = _card(known)
    assert domain.unlike_training(Volume(_noise(seed=99), 10.0), card) == {}
    smooth = gaussian_filter(_noise(seed=99), (0, 3, 3))
    note = domain.unlike_training(Volume(smooth, 10.0), card)
    assert "unlike any tomogram trained on" in note["out_of_domain"]


def test_a_card_without_statistics_flags_nothing():
    assert domain.unlike_training(Volume(_noise(), 10.0), ModelCard("a", {}, "", "", 0, "")) == {}
