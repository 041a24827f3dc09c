import numpy as np
import pytest
import torch

from cryogauge.classes.features import FEATURES
from cryogauge.classes.network import build, middle_and_border, ring_power, standardised
from cryogauge.records import REASONS, BadInput


def told(count: int, *, missing: bool) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(count, len(FEATURES)), torch.full((count, len(FEATURES)), missing)


def test_the_published_network_ends_in_4608_numbers_and_six_features():
    network = build("cryosift").eval()
    assert network.head.in_features == 4608 + 6
    convolutions = [
        each for each in network.modules() if isinstance(each, torch.nn.Conv2d) and each.kernel_size == (3, 3)
    ]
    assert [each.out_channels for each in convolutions] == [16] * 5 + [32] * 5 + [64] * 7 + [128] * 7
    assert [each.stride for each in convolutions].count((2, 2)) == 4
    with torch.inference_mode():
        for edge in (31, 210):
            said = network(torch.rand(2, 1, edge, edge), *told(2, missing=False))
            assert said.grade.shape == (2,)
            assert said.reasons.shape == (2, 0)


def test_ours_is_small_and_says_all_of_it():
    network = build("grader").eval()
    assert sum(each.numel() for each in network.parameters()) < 1_200_000
    with torch.inference_mode():
        said = network(torch.randn(3, 1, 96, 96), *told(3, missing=True))
    assert said.grade.shape == said.log_variance.shape == (3,)
    assert said.reasons.shape == (3, len(REASONS))
    with pytest.raises(BadInput, match="no network"):
        build("resnet")


def test_what_is_told_moves_our_grade_by_half_a_grade_at_most_and_nothing_told_by_nothing():
    torch.manual_seed(0)
    network = build("grader").eval()
    with torch.no_grad():
        network.told[2].weight.mul_(1000)  # as sure as it can be
    image = torch.randn(1, 1, 96, 96).expand(64, 1, 96, 96)
    features, missing = told(64, missing=False)
    with torch.inference_mode():
        grades = network(image, 5 * features, missing).grade
        assert 0.5 < float(grades.max() - grades.min()) <= 1.0 + 1e-5
        missing[:] = True
        silent = network(image, features, missing).grade
    assert float(silent.max() - silent.min()) < 1e-5


def test_brightness_contrast_and_corners_say_nothing():
    images = torch.randn(2, 1, 96, 96)
    other = 3.0 * images - 20.0
    other[:, :, :10, :10] = 500.0
    assert torch.allclose(standardised(other), standardised(images), atol=1e-4)


def test_white_noise_has_power_in_proportion_to_the_rings():
    images = torch.randn(64, 1, 96, 96)
    found = ring_power(images, 12).exp().mean(0).numpy()
    expected = np.arange(1, 24, 2) / 144
    assert found == pytest.approx(expected, rel=0.1)


def test_the_middle_and_the_border_are_thirds_of_the_area():
    maps = torch.zeros(1, 1, 6, 6)
    maps[:, :, 1:5, 1:5] = 12.0
    maps[:, :, [1, 1, 4, 4], [1, 4, 1, 4]] = 0.0  # corners of the inner square are neither
    middle, border = middle_and_border(maps)
    assert (float(middle), float(border)) == (12.0, 0.0)
