"""Tilt images with known faults in simulated series of specimens that chose no threshold."""

from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter1d, rotate

from cryogauge.records import TiltSeries
from cryogauge.score.tilts import judge_tilts
from cryogauge.simulate.acquire import Imaging, expose
from cryogauge.simulate.specimens import make_specimen

FIGURES = ("tilt_faults_found", "tilt_faults_named", "tilt_good_kept")
_KINDS = ("lamella", "cell", "platelet", "vesicles", "mixture", "filaments", "thylakoid", "bacterium")
_SERIES, _SIZE_PX = 32, 256
_DRIFT_A = 120.0


def run(small: bool = False) -> dict[str, float]:
    """Spoil five images of each series in five ways, and see which are left out and why."""
    found, named, kept = [], [], []
    for seed in range(4 if small else _SERIES):
        rng = np.random.default_rng(7000 + seed)
        series = _series(_KINDS[seed % len(_KINDS)], rng)
        images = series.images.copy()
        faults = dict(zip(rng.choice(len(images), 5, replace=False), _FAULTS, strict=True))
        for k, word in faults.items():
            images[k] = _FAULTS[word](images[k], series.pixel_size_A, rng)
        table = judge_tilts(replace(series, images=images), f"series {seed + 1}")
        for k, word in faults.items():
            found.append(not table["keep"][k])
            named.append(word in table["reasons"][k].split())
        kept += table["keep"].drop(index=list(faults)).tolist()
    return {
        "tilt_faults_found": float(np.mean(found)),
        "tilt_faults_named": float(np.mean(named)),
        "tilt_good_kept": float(np.mean(kept)),
        **{f"found_{word}": float(np.mean(found[i :: len(_FAULTS)])) for i, word in enumerate(_FAULTS)},
    }


def _series(kind: str, rng: np.random.Generator) -> TiltSeries:
    pixel = float(rng.uniform(6.0, 22.0))
    thickness_nm = float(rng.uniform(50.0, 150.0))
    shape = (int(thickness_nm * 10 / pixel * 1.6) + 16, _SIZE_PX, _SIZE_PX)
    seed = int(rng.integers(1 << 30))
    specimen = make_specimen(kind, shape, pixel, thickness_nm, seed)
    imaging = Imaging(
        dose_e_A2=float(rng.uniform(60.0, 150.0)), tilt_step_deg=float(rng.choice([2.0, 3.0, 4.0])),
        axis_deg=float(rng.uniform(-180, 180)), defocus_A=float(rng.uniform(2e4, 8e4)),
        contrast_factor=float(rng.uniform(0.3, 0.6)),
    )  # fmt: skip
    series = expose(specimen, imaging, seed)
    assert isinstance(series, TiltSeries)
    return series


def _dark(image: np.ndarray, pixel_A: float, rng: np.random.Generator) -> np.ndarray:
    return image * rng.uniform(0.05, 0.4)


def _blocked(image: np.ndarray, pixel_A: float, rng: np.random.Generator) -> np.ndarray:
    shadow = image.copy()
    shadow[:, : int(rng.uniform(0.3, 0.6) * image.shape[1])] *= 0.08
    return np.rot90(shadow, int(rng.integers(4)))


def _drifted(image: np.ndarray, pixel_A: float, rng: np.random.Generator) -> np.ndarray:
    """Blurred along a random direction before the electrons are counted."""
    angle = float(rng.uniform(0, 180))
    turned = rotate(image.astype(np.float64), angle, reshape=False, mode="wrap")
    blurred = rotate(
        gaussian_filter1d(turned, _DRIFT_A / pixel_A, axis=1, mode="wrap"), -angle, reshape=False, mode="wrap"
    )
    return rng.poisson(np.maximum(blurred, 0))


def _moved(image: np.ndarray, pixel_A: float, rng: np.random.Generator) -> np.ndarray:
    """Another part of the specimen, as far as that can be had: upside down and turned."""
    return image[::-1, ::-1]


def _empty(image: np.ndarray, pixel_A: float, rng: np.random.Generator) -> np.ndarray:
    return rng.poisson(image.mean(), image.shape)


_FAULTS = {"dark": _dark, "blocked": _blocked, "drift": _drifted, "moved": _moved, "empty": _empty}
