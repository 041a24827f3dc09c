"""From a decision to a tomogram with its truth."""

from dataclasses import dataclass

import numpy as np

from cryogauge.imaging.reconstruction import weighted_back_projection
from cryogauge.records import TiltSeries
from cryogauge.simulate import acquire
from cryogauge.simulate.looks import apply_look
from cryogauge.simulate.recipe import Draw
from cryogauge.simulate.specimens import Specimen, make_specimen


@dataclass(frozen=True)
class SimulatedTomogram:
    """A reconstruction and what it was made of; arrays ``(z, y, x)``."""

    data: np.ndarray
    specimen: Specimen
    series: TiltSeries
    draw: Draw


def make_tomogram(draw: Draw) -> SimulatedTomogram:
    """Draw the specimen, record it, reconstruct it and give it its looks."""
    specimen = make_specimen(
        draw.kind, draw.shape, draw.voxel_size_A, draw.thickness_nm, draw.specimen_seed, slab=draw.slab
    )
    series = acquire.expose(specimen, draw.imaging, draw.imaging_seed)
    assert isinstance(series, TiltSeries)
    data = reconstruct(series, draw)
    return SimulatedTomogram(data, specimen, series, draw)


def reconstruct(series: TiltSeries, draw: Draw) -> np.ndarray:
    """Weighted back-projection of a series by the draw's filter, then its looks."""
    data = weighted_back_projection(
        acquire.contrast(np.asarray(series.images)), series.table["tilt_deg"].to_numpy(), draw.shape, filter=draw.filter
    )
    rng = np.random.default_rng(draw.imaging_seed + 1)
    for name in draw.looks:
        data = apply_look(name, data, rng, draw.voxel_size_A, draw.imaging.defocus_A)
    return data
