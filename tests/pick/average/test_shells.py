import numpy as np
import pytest

from cryogauge.imaging.shell_correlation import resolution_at
from cryogauge.pick.average.shells import (
    compare_halves,
    last_shell,
    noise_sd,
    shell_correlation,
    soft_sphere,
)
from cryogauge.pick.average.spectra import box_of, half_sphere, shells_of, terms
from cryogauge.records import BadInput

EDGE = 21


def noise(rng, edge: int = EDGE) -> np.ndarray:
    return rng.standard_normal((edge,) * 3).astype(np.float32)


def test_a_box_agrees_with_itself_and_opposes_its_negative():
    box = noise(np.random.default_rng(0))
    assert np.allclose(shell_correlation(box, box), 1.0)
    assert np.allclose(shell_correlation(box, -2 * box)[1:], -1.0)


@pytest.mark.parametrize("edge", [20, 21])
def test_noise_alone_scatters_about_zero_as_far_as_it_should(edge):
    rng = np.random.default_rng(1)
    found = np.stack([shell_correlation(noise(rng, edge), noise(rng, edge)) for _ in range(200)])[:, 1:]
    expected = noise_sd(edge)[1:]
    assert len(expected) == last_shell(edge)
    assert np.all(np.abs(found.mean(axis=0)) < 4.5 * expected / np.sqrt(200))
    assert np.allclose(found.std(axis=0)[1:], expected[1:], rtol=0.2)


def test_a_mask_widens_the_scatter_by_what_it_takes_away():
    rng = np.random.default_rng(2)
    mask = soft_sphere(EDGE, 5.0, 2.0)
    found = np.stack([shell_correlation(noise(rng) * mask, noise(rng) * mask) for _ in range(200)])
    assert np.allclose(found.std(axis=0)[4:], noise_sd(EDGE, mask)[4:], rtol=0.2)
    assert noise_sd(EDGE, mask)[8] > 1.5 * noise_sd(EDGE)[8]


@pytest.mark.parametrize("snr", [0.25, 1.0, 4.0])
def test_a_known_ratio_of_signal_to_noise_is_seen(snr):
    """FSC = SNR / (1 + SNR) for halves of equal signal and noise."""
    rng = np.random.default_rng(3)
    found = []
    for _ in range(20):
        signal = np.sqrt(snr) * noise(rng)
        found.append(shell_correlation(signal + noise(rng), signal + noise(rng)))
    assert np.allclose(np.mean(found, axis=0)[3:], snr / (1 + snr), atol=0.03)


def test_resolution_is_read_between_shells():
    frequency = np.arange(6) / 200.0
    falling = np.array([1.0, 0.9, 0.5, 0.1, 0.4, 0.0])
    assert resolution_at(frequency, falling, 0.3) == pytest.approx(200 / 2.5)
    assert resolution_at(frequency, np.full(6, 0.9), 0.143) == pytest.approx(40.0)
    assert np.isnan(resolution_at(frequency, np.array([1.0, 0.1, 0.9, 0.9, 0.9, 0.9]), 0.143))


def test_what_the_mask_alone_correlates_is_taken_off():
    """A tight mask over noise with a signal at low frequencies: beyond those nothing should be left."""
    rng = np.random.default_rng(4)
    mask = soft_sphere(EDGE, 3.0, 1.0)
    points = half_sphere(last_shell(EDGE) + 0.49)
    masked, corrected = [], []
    for seed in range(20):
        values = 50 * terms(noise(rng), points)
        signal = box_of(np.where(shells_of(points) <= 3, values, 0), points, EDGE)
        curve = compare_halves(signal + noise(rng), signal + noise(rng), mask, 10.0, seed=seed)
        masked.append(curve.masked[6:9].mean())
        corrected.append(curve.corrected[6:9].mean())
    assert np.mean(masked) > 0.1
    assert abs(np.mean(corrected)) < 0.5 * np.mean(masked)


def test_boxes_that_are_no_cubes_are_refused():
    with pytest.raises(BadInput, match="cannot be correlated"):
        shell_correlation(np.zeros((4, 4, 5)), np.zeros((4, 4, 5)))
