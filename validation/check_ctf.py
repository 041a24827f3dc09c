"""Contrast transfer of simulated micrographs of known defocus and astigmatism, by the fit that judges exposures.

Micrographs of 2,048 px at 1 Å of the classes that have ice, everything about them drawn at random: defocus from 0.5 to
3.5 µm, astigmatism, dose, envelope, thickness of ice, how grainy it is, film, crystals. Where no rings are found
nothing is told; ``ctf_found`` says how often they are. Empty fields show how often noise alone is given a defocus.
"""

import math

import numpy as np

from cryogauge.imaging.ctf_astigmatic import AstigmaticFit, fit_astigmatic, tile_power
from cryogauge.simulate.micrographs import simulate_micrograph

FIGURES = (
    "ctf_defocus_error_median_A",
    "ctf_defocus_within_5_percent",
    "ctf_astigmatism_error_median_A",
    "ctf_found",
    "ctf_found_in_nothing",
)
_KINDS, _EACH, _NOTHING = ("great", "decent", "no_particles"), 16, 16
_EDGE_PX, _PIXEL_A, _SEED = 2048, 1.0, 101


def run(small: bool = False) -> dict[str, float]:
    """Measure; ``small`` takes a micrograph of each class of 1,024 px."""
    edge, each = (1024, 1) if small else (_EDGE_PX, _EACH)
    errors, relative, astigmatic = [], [], []
    for number, kind in enumerate(_KINDS):
        for k in range(each):
            rng = np.random.default_rng([_SEED, number, k])
            made = simulate_micrograph(kind, (edge, edge), _PIXEL_A, rng)
            found = _fit(made.electrons, made.optics.voltage_kV, made.optics.amplitude_contrast)
            error = abs(found.defocus_A - made.optics.defocus_A)
            if not math.isnan(error):
                errors.append(error)
                relative.append(error / made.optics.defocus_A)
                astigmatic.append(abs(found.astigmatism_A - made.optics.astigmatism_A))
            print(
                f"     {kind}: {made.optics.defocus_A:.0f} Å, found {found.defocus_A:.0f} to {found.resolution_A:.1f} Å"
            )
    nothing = 1 if small else _NOTHING
    false = 0
    for k in range(nothing):
        noise = np.random.default_rng([_SEED, 9, k]).poisson(40, (edge, edge)).astype(np.float32)
        false += not math.isnan(_fit(noise, 300.0, 0.1).defocus_A)
    return {
        "ctf_defocus_error_median_A": float(np.median(errors)) if errors else math.nan,
        "ctf_defocus_within_5_percent": float(np.mean(np.array(relative) < 0.05)) if errors else math.nan,
        "ctf_astigmatism_error_median_A": float(np.median(astigmatic)) if errors else math.nan,
        "ctf_found": len(errors) / (each * len(_KINDS)),
        "ctf_found_in_nothing": false / nothing,
    }


def _fit(image: np.ndarray, voltage_kV: float, amplitude_contrast: float) -> AstigmaticFit:
    power = tile_power(image, _PIXEL_A)
    return fit_astigmatic(power, voltage_kV=voltage_kV, amplitude_contrast=amplitude_contrast)
