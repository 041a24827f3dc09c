"""From volumes to slice scores: sizes, threads, progress, refusals."""

import numpy as np
import pytest

from cryogauge.learn.weights import ModelCard, save_weights
from cryogauge.records import BadInput, Volume
from cryogauge.score import quality
from cryogauge.score.evidence import mean_evidence
from cryogauge.score.network import REFERENCES, TILE_PX
from cryogauge.score.quality import CompactQuality, SliceQuality, load_quality, shipped_weights


def _noise(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("size", [(64, 64), (65, 79), (33, 100), (17, 40)])
def test_any_size_is_judged_in_whole_tiles(size, untrained_weights):
    judged = CompactQuality(untrained_weights, 1).judge(Volume(_noise((9, *size)), 10.0))
    assert judged.score.shape == judged.uncertainty.shape == (9,)
    assert judged.local_map.shape == (9, -(-size[0] // TILE_PX), -(-size[1] // TILE_PX))
    assert judged.local_map.min() >= 0
    assert judged.local_map.max() <= 1
    assert np.isfinite(judged.score).all()


def test_a_border_is_mirrored_and_the_inside_left_alone(untrained_weights):
    """More pixels at the far edges must not change tiles whose surroundings they are not."""
    network = CompactQuality(untrained_weights, 1).network
    image = _noise((5, 560, 560))
    known = np.tile(mean_evidence(image), REFERENCES)
    whole = quality.run_network(network, image, known)
    part = quality.run_network(network, image[:, :554, :547], known)
    assert part.shape == whole.shape
    np.testing.assert_array_equal(part[:, :5, :5], whole[:, :5, :5])


@pytest.mark.parametrize("depth", [1, 2, 3, 8, 9, 30])
def test_threads_and_depth_do_not_change_the_scores(depth, untrained_weights):
    volume = Volume(_noise((depth, 48, 48)), 10.0)
    one = CompactQuality(untrained_weights, 1).judge(volume)
    two = CompactQuality(untrained_weights, 2).judge(volume)
    np.testing.assert_array_equal(one.local_map, two.local_map)
    np.testing.assert_array_equal(one.score, two.score)


def test_each_slice_is_read_once_and_few_are_held(untrained_weights):
    """Apart from the sample that the grey map is fitted to."""

    class Counting:
        def __init__(self, data):
            self.data, self.shape, self.dtype, self.reads = data, data.shape, data.dtype, []

        def __len__(self):
            return len(self.data)

        def __getitem__(self, z):
            self.reads.append(z)
            return self.data[z]

    from cryogauge.score import grey

    data = Counting(_noise((40, 48, 48)))
    to_grey, _ = grey.fit_volume(grey.sample_pixels(data, np.random.default_rng(0)))
    data.reads.clear()
    stacks = list(quality._stacks(data, to_grey))
    assert sorted(data.reads) == list(range(40))
    assert [z for z, _ in stacks] == list(range(40))
    expected = to_grey(data.data)
    np.testing.assert_array_equal(stacks[0][1], expected[[4, 2, 0, 2, 4]])
    np.testing.assert_array_equal(stacks[20][1], expected[[16, 18, 20, 22, 24]])
    np.testing.assert_array_equal(stacks[39][1], expected[[35, 37, 39, 37, 35]])


def test_progress_counts_up_to_the_last_slice(untrained_weights):
    seen: list[int] = []
    CompactQuality(untrained_weights, 2).judge(Volume(_noise((7, 32, 32)), 10.0), seen.append)
    assert seen == [1, 2, 3, 4, 5, 6, 7]


def test_a_picture_scores_alike_whatever_its_grey_scale(untrained_weights):
    network = CompactQuality(untrained_weights, 1)
    picture = _noise((80, 70))
    first = network.judge_picture(picture)
    assert first.score.shape == (1,)
    assert first.local_map.shape == (1, 5, 5)
    np.testing.assert_allclose(network.judge_picture(picture * 1000 + 5).score, first.score, atol=0.02)


def test_resnet101_refuses_to_guess_weights():
    with pytest.raises(BadInput, match="resnet101 has no weights") as caught:
        quality.shipped_weights("resnet101")
    assert "--weights" in caught.value.hint


def test_an_unknown_model_is_refused():
    with pytest.raises(BadInput, match="no model is called 'vgg'"):
        quality.shipped_weights("vgg")


def test_a_device_that_is_not_there_is_refused(untrained_weights):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    with pytest.raises(BadInput, match="CUDA"):
        load_quality("compact", untrained_weights, threads=1, device="cuda")


def test_resnet101_judges_with_weights_of_ones_own(tmp_path, monkeypatch):
    from cryogauge.score.network import resnet101

    path = tmp_path / "own.safetensors"
    save_weights(resnet101(), ModelCard("own", {}, "", "", 0, ""), path)
    monkeypatch.setattr(quality, "RESNET_CROP_PX", 96)
    network: SliceQuality = load_quality("resnet101", path, threads=1, device="cpu")
    judged = network.judge(Volume(_noise((2, 64, 80)), 10.0))
    assert judged.score.shape == (2,)
    assert ((judged.score >= 0) & (judged.score <= 1)).all()
    assert np.isnan(judged.uncertainty).all()


@pytest.mark.parametrize(("size", "held"), [((96, 64), (96, 64)), ((2000, 64), (960, 64)), ((1000, 1200), (960, 960))])
def test_the_papers_crop(size, held):
    image = quality.cropped(_noise(size) * 7 + 100)
    assert image.shape == (960, 960)
    assert np.count_nonzero(image) == pytest.approx(held[0] * held[1], rel=1e-4)
    filled = image[image != 0]
    assert filled.mean() == pytest.approx(0, abs=1e-3)
    assert filled.std() == pytest.approx(1, abs=1e-3)


def test_what_a_texture_gets_is_taken_off():
    """Tiles at the control's level are worth nothing, those above it what is left of the scale."""
    judge = quality.CompactQuality(shipped_weights("compact"), threads=1)
    out = np.full((1, 3, 4, 4), 5.0, dtype=np.float32)
    free = judge._finish(out, np.array([0.0]), float("nan")).local_map
    half = judge._finish(out, np.array([0.5]), float("nan")).local_map
    np.testing.assert_allclose(half, (free - 0.5) / 0.5, atol=1e-6)
    assert judge._finish(out, np.array([0.95]), float("nan")).local_map.max() <= 1.0
