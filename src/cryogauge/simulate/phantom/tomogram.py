"""From a seed to a phantom's tomogram, with its picks, labels and halves."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from cryogauge.imaging.reconstruction import weighted_back_projection
from cryogauge.imaging.transforms import irfft, rfft
from cryogauge.records import TiltSeries
from cryogauge.simulate.acquire import contrast, expose
from cryogauge.simulate.phantom.mixture import PhantomSettings, draw_mixture


@dataclass(frozen=True)
class Phantom:
    """A tomogram and all that is known of it; arrays ``(z, y, x)``, protein dark.

    Attributes
    ----------
    data
        float32 weighted back-projection of every exposure.
    picks
        ``PICK_COLUMNS`` with ``rot, tilt, psi`` in RELION's convention: centres of mass of the annotated species
        within the tomogram.
    labels
        uint8: each particle's outline filled with its object's label, 0 elsewhere.
    series
        Even and odd dose fractions, ``(tilt, y, x)`` in electrons a pixel.
    defocus_A, thickness_nm
        What was drawn.
    voxel_size_A
        Voxel size.
    """

    data: np.ndarray
    picks: pd.DataFrame
    labels: np.ndarray
    series: tuple[TiltSeries, TiltSeries]
    defocus_A: float
    thickness_nm: float
    voxel_size_A: float

    def halves(self) -> tuple[np.ndarray, np.ndarray]:
        """Tomograms of the even and the odd dose fractions; their mean is ``data``."""
        even = _reconstruct(contrast(np.asarray(self.series[0].images)), self.series[0], self.labels.shape)
        # back-projection is linear
        return even, 2.0 * self.data - even


def make_phantom(settings: PhantomSettings, seed: int) -> Phantom:
    """Draw a specimen, record a tilt series of it and reconstruct it; nothing is written.

    Parameters
    ----------
    settings
        Size, maps and imaging.
    seed
        The same settings, maps and seed give the same phantom.

    Raises
    ------
    BadInput
        When the maps cannot be used.
    """
    specimen_seed, imaging_seed, draw_seed = np.random.SeedSequence(seed).generate_state(3)
    defocus_A = float(np.random.default_rng(draw_seed).uniform(*settings.defocus_A))
    specimen, labels, _ = draw_mixture(settings, int(specimen_seed))
    imaging = replace(settings.imaging, defocus_A=defocus_A, frames=2)
    fractions = expose(specimen, imaging, int(imaging_seed), frames=True)
    assert isinstance(fractions, list)
    even, odd = fractions
    thickness_nm, picks = specimen.thickness_nm, specimen.picks
    del specimen  # the reconstruction takes its room
    images = 0.5 * (contrast(np.asarray(even.images)) + contrast(np.asarray(odd.images)))
    data = _reconstruct(images, even, labels.shape)
    return Phantom(data, picks, labels, (even, odd), defocus_A, thickness_nm, settings.voxel_size_A)


def _reconstruct(images: np.ndarray, series: TiltSeries, shape: tuple[int, ...]) -> np.ndarray:
    """Weighted back-projection with a ramp that rolls off towards Nyquist, as tomography programs have it."""
    nz, ny, nx = shape
    frequency = np.fft.rfftfreq(images.shape[2])
    roll_off = (0.55 + 0.45 * np.cos(2.0 * np.pi * frequency)).astype(np.float32)
    rolled = np.stack([irfft(rfft(image.T) * roll_off[:, None], images.shape[2]).T for image in images])
    return weighted_back_projection(rolled, series.table["tilt_deg"].to_numpy(), (nz, ny, nx))
