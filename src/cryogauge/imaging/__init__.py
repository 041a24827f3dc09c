"""From specimen to image and back: projection, contrast transfer, dose, camera, Fourier rings, reconstruction.

Names are loaded when first used; a caller that wants a low-pass does not wait for the compiler behind projection.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryogauge.imaging.ctf import ctf_1d, ctf_2d, electron_wavelength_A
    from cryogauge.imaging.degrade import (
        add_noise,
        add_spots,
        blur,
        clip_mad,
        match_histogram,
        randomise_phases,
        widen_wedge,
    )
    from cryogauge.imaging.detector import (
        Detector,
        apply_mtf,
        detect,
        detective_quantum_efficiency,
        inelastic_mean_free_path_A,
        mtf,
        noise_transfer,
        zero_loss_fraction,
    )
    from cryogauge.imaging.dose import critical_exposure_e_A2, exposure_attenuation, exposure_filter
    from cryogauge.imaging.feature_scale import score_of_feature_px, smallest_feature_px
    from cryogauge.imaging.fourier import (
        fourier_bin,
        fourier_ring_correlation,
        low_pass,
        periodic_part,
        radial_power,
        ring_index,
    )
    from cryogauge.imaging.projection import project
    from cryogauge.imaging.reconstruction import filter_responses, weighted_back_projection
    from cryogauge.imaging.tilted import Aligner, align_images, as_contrast, back_project, reconstruct

__all__ = [
    "Aligner",
    "Detector",
    "add_noise",
    "add_spots",
    "align_images",
    "apply_mtf",
    "as_contrast",
    "back_project",
    "blur",
    "clip_mad",
    "critical_exposure_e_A2",
    "ctf_1d",
    "ctf_2d",
    "detect",
    "detective_quantum_efficiency",
    "electron_wavelength_A",
    "exposure_attenuation",
    "exposure_filter",
    "filter_responses",
    "fourier_bin",
    "fourier_ring_correlation",
    "inelastic_mean_free_path_A",
    "low_pass",
    "match_histogram",
    "mtf",
    "noise_transfer",
    "periodic_part",
    "project",
    "radial_power",
    "randomise_phases",
    "reconstruct",
    "ring_index",
    "score_of_feature_px",
    "smallest_feature_px",
    "weighted_back_projection",
    "widen_wedge",
    "zero_loss_fraction",
]

_NAMES = {
    "ctf": "ctf_1d ctf_2d electron_wavelength_A",
    "degrade": "add_noise add_spots blur clip_mad match_histogram randomise_phases widen_wedge",
    "detector": "Detector apply_mtf detect detective_quantum_efficiency inelastic_mean_free_path_A mtf noise_transfer "
    "zero_loss_fraction",
    "dose": "critical_exposure_e_A2 exposure_attenuation exposure_filter",
    "feature_scale": "score_of_feature_px smallest_feature_px",
    "fourier": "fourier_bin fourier_ring_correlation low_pass periodic_part radial_power ring_index",
    "projection": "project",
    "reconstruction": "filter_responses weighted_back_projection",
    "tilted": "Aligner align_images as_contrast back_project reconstruct",
}
_HOMES = {name: f"cryogauge.imaging.{module}" for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cryogauge.imaging' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
