"""Fourier shell correlation: against a count term by term, closed forms, and RELION."""

import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryogauge.imaging.shell_correlation import ShellCurve, best_shift_px, resolution_at, shell_curve
from cryogauge.io import write_mrc
from cryogauge.io.classes.star import read_star_text
from cryogauge.records import BadInput


def plain_correlation(a, b):
    """Shell by shell over the whole transform, with nothing halved."""
    fa, fb = np.fft.fftn(a), np.fft.fftn(b)
    z, y, x = (np.fft.fftfreq(n) for n in a.shape)
    radius = np.sqrt(z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2)
    shells = np.rint(radius * min(a.shape)).astype(int)
    found = []
    for shell in range(min(a.shape) // 2 + 1):
        u, v = fa[shells == shell], fb[shells == shell]
        found.append((u * v.conj()).sum().real / np.sqrt((np.abs(u) ** 2).sum() * (np.abs(v) ** 2).sum()))
    return np.array(found)


def noise(shape, seed):
    return np.random.default_rng(seed).normal(size=shape)


@settings(max_examples=15)
@given(
    shape=st.tuples(*[st.integers(4, 13)] * 3), seed=st.integers(0, 99), scale=st.floats(0.01, 100),
    offset=st.floats(-5, 5),
)  # fmt: skip
def test_shells_agree_with_a_count_term_by_term(shape, seed, scale, offset):
    a = noise(shape, seed) + 1.0
    b = a + noise(shape, seed + 1)
    curve = shell_curve(a, b, 2.0)
    np.testing.assert_allclose(curve.unmasked, plain_correlation(a, b), atol=1e-5)
    np.testing.assert_allclose(curve.frequency_1_A, np.arange(len(curve.unmasked)) / (2.0 * min(shape)))
    same = shell_curve(b, scale * (a + offset), 2.0)  # neither order nor grey values
    np.testing.assert_allclose(same.unmasked[1:], curve.unmasked[1:], atol=1e-4)


def test_noise_of_known_strength_gives_the_correlation_of_its_ratio():
    signal = noise((64, 64, 64), 0)
    a, b = (signal + 0.7 * noise(signal.shape, seed) for seed in (1, 2))
    halves, true = shell_curve(a, b, 1.0).unmasked[10:], shell_curve(a, signal, 1.0).unmasked[10:]
    assert halves.mean() == pytest.approx(1 / (1 + 0.49), abs=0.01)
    assert true.mean() == pytest.approx((1 / (1 + 0.49)) ** 0.5, abs=0.01)


def test_a_factor_that_depends_on_frequency_alone_changes_nothing():
    a = noise((24, 24, 24), 0)
    b = a + noise(a.shape, 1)
    frequency = [np.fft.fftfreq(24)] * 3
    square = sum(each**2 for each in np.meshgrid(*frequency, indexing="ij"))
    blurred = np.fft.ifftn(np.fft.fftn(b) * np.exp(-4 * square)).real
    # Not quite alone: within a shell the factor varies.
    np.testing.assert_allclose(shell_curve(a, blurred, 1.0).unmasked, shell_curve(a, b, 1.0).unmasked, atol=0.02)


@pytest.mark.parametrize(
    ("correlation", "threshold", "wanted"),
    [
        ([0.2, 1.0, 0.5, 0.0, 0.9], 0.5, 1 / 0.2),
        ([0.2, 1.0, 0.6, 0.2, 0.9], 0.5, 1 / 0.225),  # a quarter of the way from 0.6 to 0.2
        ([0.2, 1.0, 0.143, 0.9, 0.1], 0.5, 1 / (0.1 + 0.1 * 0.5 / 0.857)),  # the first fall counts
        ([1.0, 0.9, 0.8, 0.7, 0.6], 0.5, 1 / 0.4),  # never falls: what the grid holds
        ([1.0, 0.4, 0.8, 0.7, 0.6], 0.5, np.nan),
    ],
)
def test_resolution_lies_between_shells(correlation, threshold, wanted):
    found = resolution_at(np.arange(5) / 10, np.array(correlation), threshold)
    assert found == pytest.approx(wanted, nan_ok=True)


def test_a_mask_lets_noise_agree_and_the_correction_takes_that_off():
    edge = 40
    axis = np.arange(edge) - edge // 2
    radius = np.sqrt(axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2)
    mask = (radius < 8).astype(float)  # hard: as bad as masks come
    ball = 20.0 * np.exp(-(radius**2) / 50)
    curves = []
    for seed in range(8):
        a, b = (ball + noise((edge,) * 3, 2 * seed + half) for half in (0, 1))
        curves.append(shell_curve(a, b, 2.0, mask=mask, halves=True, seed=seed))
    late = slice(12, None)
    masked = np.mean([each.masked[late] for each in curves])
    corrected = np.mean([each.corrected[late] for each in curves])
    assert masked > 0.15
    assert abs(corrected) < 0.5 * masked
    assert curves[0].best is curves[0].corrected
    assert shell_curve(a, b, 2.0, mask=mask).corrected is None
    again = shell_curve(a, b, 2.0, mask=mask, halves=True, seed=7)
    np.testing.assert_array_equal(again.best, curves[7].best)


@given(shift=st.tuples(*[st.integers(-5, 5)] * 3))
@settings(max_examples=10)
def test_the_shift_of_best_match_is_found(shift):
    a = noise((12, 13, 14), 4) + 10.0
    assert best_shift_px(np.roll(a, shift, axis=(0, 1, 2)) + 0.5 * noise(a.shape, 5), a) == shift


def test_shapes_that_differ_are_told():
    with pytest.raises(BadInput, match="cannot be correlated shell by shell"):
        shell_curve(np.zeros((4, 4, 4)), np.zeros((4, 4, 5)), 1.0)
    with pytest.raises(BadInput, match="cannot be correlated shell by shell"):
        shell_curve(np.zeros((4, 4, 4)), np.zeros((4, 4, 4)), 1.0, mask=np.zeros((3, 4, 4)))


def test_curves_without_a_mask_are_read_as_they_are():
    curve = ShellCurve(np.arange(4) / 8, np.array([1.0, 0.9, 0.5, 0.1]))
    assert curve.best is curve.unmasked
    assert curve.resolution_A(0.5) == pytest.approx(4.0)


@pytest.mark.skipif(shutil.which("relion_postprocess") is None, reason="RELION is not installed")
def test_relion_finds_the_same_curves(tmp_path):
    edge = 40
    axis = np.arange(edge) - edge // 2
    radius = np.sqrt(axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2)
    mask = (0.5 + 0.5 * np.cos(np.pi * np.clip((radius - 11) / 5, 0, 1))).astype(np.float32)
    signal = noise((edge,) * 3, 0)
    frequency = np.sqrt(sum(each**2 for each in np.meshgrid(*[np.fft.fftfreq(edge)] * 3, indexing="ij")))
    signal = 30 * np.fft.ifftn(np.fft.fftn(signal) * np.exp(-((frequency / 0.12) ** 2))).real * mask
    for number in (1, 2):
        write_mrc(tmp_path / f"half{number}.mrc", (signal + noise(mask.shape, number)).astype(np.float32), 1.5)
    write_mrc(tmp_path / "mask.mrc", mask, 1.5)
    call = "relion_postprocess --i half1.mrc --i2 half2.mrc --mask mask.mrc --angpix 1.5 --o out"
    # It writes its tables and then fails to touch a file of its graphical interface.
    subprocess.run(call.split(), cwd=tmp_path, capture_output=True, check=False, timeout=120)
    star = read_star_text(tmp_path / "out.star")
    table, general = star.block("fsc"), star.block("general")
    assert table is not None
    assert general is not None
    halves = [signal + noise(mask.shape, number) for number in (1, 2)]
    curve = shell_curve(halves[0], halves[1], 1.5, mask=mask, halves=True)
    assert curve.masked is not None
    count = edge // 2  # RELION's last shell is another
    for label, ours in [("UnmaskedMaps", curve.unmasked), ("MaskedMaps", curve.masked)]:
        theirs = table.numbers(f"rlnFourierShellCorrelation{label}")
        np.testing.assert_allclose(ours[:count], theirs[:count], atol=0.02)
    step = 1 / (edge * 1.5)
    told = general.number("rlnFinalResolution")
    assert told is not None
    assert abs(1 / curve.resolution_A(0.143) - 1 / told) <= 2 * step
