"""What people do to a tomogram before they look at it: filters, deconvolution, denoising, eight bits."""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter, median_filter

from cryogauge.imaging.ctf import ctf_1d
from cryogauge.imaging.degrade import widen_wedge
from cryogauge.imaging.transforms import frequency_radius, irfft2, rfft2
from cryogauge.records import BadInput
from cryogauge.simulate.fields import smooth_field


def low_passed(volume: np.ndarray, rng: np.random.Generator, voxel_size_A: float, defocus_A: float) -> np.ndarray:
    """Gaussian low-pass of 0.5 to 2.5 voxels."""
    return gaussian_filter(volume, float(rng.uniform(0.5, 2.5)))


def high_passed(volume: np.ndarray, rng: np.random.Generator, voxel_size_A: float, defocus_A: float) -> np.ndarray:
    """Slow density changes taken out slice by slice."""
    sigma = float(rng.uniform(12.0, 40.0))
    return volume - gaussian_filter(volume, (0, sigma, sigma))


def deconvolved(volume: np.ndarray, rng: np.random.Generator, voxel_size_A: float, defocus_A: float) -> np.ndarray:
    """:func:`deconvolve` with its fall-off and strength drawn."""
    falloff, strength = float(rng.uniform(0.7, 1.3)), float(rng.uniform(0.7, 1.3))
    return deconvolve(volume, voxel_size_A, defocus_A, falloff=falloff, strength=strength)


def deconvolve(
    volume: np.ndarray, voxel_size_A: float, defocus_A: float, *, falloff: float = 1.0, strength: float = 1.0
) -> np.ndarray:
    """Wiener-like deconvolution of the contrast transfer function (Tegunov & Cramer 2019), slice by slice.

    The assumed signal-to-noise falls exponentially with frequency.
    """
    ny, nx = volume.shape[1:]
    frequency = frequency_radius((ny, nx))
    transfer = ctf_1d(frequency / voxel_size_A, defocus_A)
    snr = np.exp(-frequency * 2.0 * 100.0 * falloff / voxel_size_A) * 10.0 ** (3.0 * strength)
    snr *= 1.0 - np.exp(-((frequency / 0.02) ** 2))
    wiener = (-transfer / (transfer**2 + 1.0 / np.maximum(snr, 1e-9))).astype(np.float32)
    return irfft2(rfft2(volume) * wiener, (ny, nx)).astype(np.float32)


def median_denoised(volume: np.ndarray, rng: np.random.Generator, voxel_size_A: float, defocus_A: float) -> np.ndarray:
    """A 3 × 3 × 3 median."""
    return median_filter(volume, size=3)


def shrunk(volume: np.ndarray, rng: np.random.Generator, voxel_size_A: float, defocus_A: float) -> np.ndarray:
    """Edge-keeping smoothing: fine detail is damped where it is weak against the local noise, as denoisers do."""
    smooth = gaussian_filter(volume, float(rng.uniform(0.8, 1.8)))
    detail = volume - smooth
    noise = 1.4826 * float(np.median(np.abs(detail)))
    local = gaussian_filter(detail**2, 2.0)
    gain = np.clip(1.0 - float(rng.uniform(0.7, 1.3)) * noise**2 / np.maximum(local, 1e-20), 0.0, 1.0)
    return smooth + gain * detail


def eight_bit(volume: np.ndarray, rng: np.random.Generator, voxel_size_A: float, defocus_A: float) -> np.ndarray:
    """Clipped at a few standard deviations and rounded to 256 or fewer steps."""
    k = float(rng.uniform(2.5, 6.0))
    steps = float(rng.choice([20.0, 64.0, 255.0, 255.0]))
    scaled = np.clip((volume - volume.mean()) / (k * volume.std() + 1e-12), -1.0, 1.0)
    return np.round(scaled * steps / 2).astype(np.float32)


def wedged(volume: np.ndarray, rng: np.random.Generator, voxel_size_A: float, defocus_A: float) -> np.ndarray:
    """The missing wedge widened, as if the highest tilts had been left out."""
    return widen_wedge(volume, float(rng.uniform(22.0, 55.0)))


def noisy(volume: np.ndarray, rng: np.random.Generator, voxel_size_A: float, defocus_A: float) -> np.ndarray:
    """White noise on top, half to four times the volume's own standard deviation."""
    sd = volume.std() * float(np.exp(rng.uniform(np.log(0.5), np.log(4.0))))
    return volume + sd * rng.standard_normal(volume.shape, dtype=np.float32)


def shaded(volume: np.ndarray, rng: np.random.Generator, voxel_size_A: float, defocus_A: float) -> np.ndarray:
    """Slow shading across the field, as uneven ice and normalisation leave it."""
    slow = smooth_field(volume.shape[1:], float(rng.uniform(0.15, 0.5)) * volume.shape[2], rng)
    return volume + float(rng.uniform(0.3, 3.0)) * volume.std() * slow[None]


def framed(volume: np.ndarray, rng: np.random.Generator, voxel_size_A: float, defocus_A: float) -> np.ndarray:
    """Corners and borders that no image covered, filled with one value."""
    ny, nx = volume.shape[1:]
    angle = float(rng.uniform(-0.25, 0.25))
    y, x = np.mgrid[:ny, :nx].astype(np.float32)
    y, x = y - ny / 2, x - nx / 2
    u, v = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    inside = (np.abs(u) < nx * rng.uniform(0.46, 0.56)) & (np.abs(v) < ny * rng.uniform(0.46, 0.56))
    return np.where(inside[None], volume, rng.choice([0.0, float(volume.mean()), float(volume.min())]))


def inverted(volume: np.ndarray, rng: np.random.Generator, voxel_size_A: float, defocus_A: float) -> np.ndarray:
    """White protein."""
    return -volume


#: Looks by name: ``look(volume, rng, voxel_size_A, defocus_A)``.
LOOKS: dict[str, Callable[[np.ndarray, np.random.Generator, float, float], np.ndarray]] = {
    "low-passed": low_passed,
    "high-passed": high_passed,
    "deconvolved": deconvolved,
    "median": median_denoised,
    "shrunk": shrunk,
    "wedged": wedged,
    "noisy": noisy,
    "shaded": shaded,
    "framed": framed,
    "eight-bit": eight_bit,
    "inverted": inverted,
}


def apply_look(
    name: str, volume: np.ndarray, rng: np.random.Generator, voxel_size_A: float, defocus_A: float
) -> np.ndarray:
    """Apply one of :data:`LOOKS`; raises ``BadInput`` for a name that is none."""
    if name not in LOOKS:
        raise BadInput(f"no look is called {name!r}", f"one of: {', '.join(LOOKS)}")
    return LOOKS[name](volume, rng, voxel_size_A, defocus_A).astype(np.float32)
