"""Particles of a session's exposures, cut out for classification: where they lie, and their images.

Where they lie is kept beside each exposure as it is judged, for it costs nothing then; images are cut only when they
are wanted, out of the whole exposure with its phases flipped, so that what the lens spread comes back to its place.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryogauge.collect.judge.judge import JudgeSettings
from cryogauge.imaging.ctf import ctf_2d
from cryogauge.imaging.fourier import fourier_bin, periodic_part
from cryogauge.imaging.particle_count import USUAL_A
from cryogauge.imaging.transforms import frequency_radius, irfft2, rfft2
from cryogauge.io import read_picture
from cryogauge.io.json_file import read_json_file, write_json_file
from cryogauge.records import BadInput

#: Of the dictionary that a judge returns: centres (y, x) in Å from the middle of the first pixel, ``(n, 2)``.
CENTRES = "centres_A"
#: Edge of a box over the particles' diameter, which is measured where they are half as dense as in their middle.
_ROOM = 1.8
#: Edge of boxes in pixels where the exposures are fine enough, and the least that averages can be graded of.
BOX_PX, LEAST_BOX_PX = 64, 32
_LEAST_PIXEL_A = 2.5
#: What is coarser than so many diameters is uneven ice.
_COARSEST = 5.0


@dataclass(frozen=True)
class Cut:
    """Particle images.

    Attributes
    ----------
    images
        float32 ``(particle, y, x)``, phases flipped, protein bright.
    transfer
        What of the particles' Fourier terms the lens left, without its signs, ``(exposure, y, x // 2 + 1)`` in the
        layout of ``rfft2``.
    exposure, centres_A
        Of each particle, which of these is its own, ``(particle,)``, and where in it the middle of its box is, (y, x).
    pixel_size_A
        Edge of a pixel.
    """

    images: NDArray[np.float32]
    transfer: NDArray[np.float32]
    exposure: NDArray[np.intp]
    centres_A: NDArray[np.float64]
    pixel_size_A: float

    def transfer_of(self, part: slice) -> NDArray[np.float32]:
        """Transfer of a slice of the particles, as :func:`cryogauge.imaging.class2d.classify` asks for it."""
        return self.transfer[self.exposure[part]]


def centres_path(picture: Path) -> Path:
    """Where the places of an exposure's particles are kept."""
    return picture.with_suffix(".particles.json")


def keep_centres(path: Path, judged: Mapping[str, Any]) -> None:
    """Write down where the particles of an exposure lie, unless there are none; ``judged`` is what a judge returned."""
    centres_A = np.asarray(judged.get(CENTRES, ()), dtype=np.float64).reshape(-1, 2)
    if len(centres_A) and math.isfinite(float(judged.get("defocus_A", math.nan))):
        write_json_file(path, {CENTRES: centres_A.round(1).tolist()})


def read_centres(path: Path) -> NDArray[np.float64]:
    """Centres in Å that :func:`keep_centres` wrote, ``(n, 2)``; none where it wrote nothing.

    Raises
    ------
    BadInput
        When the file is damaged.
    """
    if not path.exists():
        return np.zeros((0, 2))
    told = read_json_file(path, "delete it to do without these particles")
    try:
        return np.array(told[CENTRES], dtype=np.float64).reshape(-1, 2)
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{path} tells no places of particles", "delete it to do without them") from error


def usual_diameter_A(rows: Sequence[Mapping[str, Any]]) -> float:
    """Diameter of a session's particles: the median of what its exposures tell, each weighed by its particles."""
    known = [
        (float(row["particle_diameter_A"]), float(row["particles"]))
        for row in rows
        if row["particle_diameter_A"] > 0 and row["particles"] > 0
    ]
    if not known:
        return USUAL_A
    diameters, counts = np.array(sorted(known)).T
    return float(diameters[np.searchsorted(counts.cumsum(), 0.5 * counts.sum())])


def cut_particles(
    exposures: Sequence[tuple[Path, NDArray[np.floating], Mapping[str, Any]]],
    diameter_A: float,
    judge: JudgeSettings,
) -> Cut:
    """Cut particles out of exposures, those whose boxes leave the field left out.

    Parameters
    ----------
    exposures
        Of each its picture, the centres in Å ``(n, 2)``, and its row with ``pixel_size_A`` and the fitted
        ``defocus_A``, ``astigmatism_A`` and ``astigmatism_deg``.
    diameter_A
        Of the particles.
    judge
        Tells the microscope's lens.

    Raises
    ------
    BadInput
        When a picture cannot be read, or the exposures' pixels are so coarse that boxes would be too small.
    """
    edge_A = _ROOM * diameter_A
    finest_A = max(float(row["pixel_size_A"]) for _, _, row in exposures)
    pixel_A = max(finest_A, _LEAST_PIXEL_A, edge_A / BOX_PX)
    box = 2 * math.ceil(edge_A / pixel_A / 2)
    if box < LEAST_BOX_PX:
        if LEAST_BOX_PX * finest_A > 1.5 * edge_A:
            raise BadInput(
                f"particles of {diameter_A:.0f} Å take too few pixels of {finest_A:.3g} Å to be classified",
                "expose at a higher magnification",
            )
        box, pixel_A = LEAST_BOX_PX, max(finest_A, edge_A / LEAST_BOX_PX)
    images, transfers, exposure, middles = [], [], [], []
    for number, (path, centres_A, row) in enumerate(exposures):
        field, step_A = _restored(path, pixel_A, _COARSEST * diameter_A, row, judge)
        corners = np.rint(centres_A / step_A).astype(int) - box // 2
        inside = ((corners >= 0) & (corners + box <= field.shape)).all(axis=1)
        images += [field[y : y + box, x : x + box] for y, x in corners[inside]]
        transfers.append(np.abs(ctf_2d((box, box), step_A, **_lens(row, judge))))
        exposure += [number] * int(inside.sum())
        middles.append((corners[inside] + box // 2) * step_A)
    cut = np.stack(images) if images else np.zeros((0, box, box), np.float32)
    return Cut(
        cut.astype(np.float32), np.stack(transfers), np.array(exposure, dtype=np.intp), np.concatenate(middles), pixel_A
    )  # fmt: skip


def _restored(
    path: Path, pixel_A: float, coarsest_A: float, row: Mapping[str, Any], judge: JudgeSettings
) -> tuple[NDArray[np.float32], float]:
    """An exposure with its phases flipped, protein bright, at about a pixel size, without what is coarser than a
    spacing; and the pixel size.
    """
    image, _ = read_picture(path)
    size_A = float(row["pixel_size_A"])
    flat = periodic_part(np.asarray(image, np.float32) - np.float32(image.mean(dtype=np.float64)))
    small = fourier_bin(flat, pixel_A / size_A) if pixel_A > size_A else flat.astype(np.float32)
    shape = (small.shape[0], small.shape[1])
    step_A = size_A * max(image.shape) / max(shape)
    transfer = ctf_2d(shape, step_A, **_lens(row, judge))
    kept = 1.0 - np.exp(-0.5 * np.square(frequency_radius(shape, step_A) * coarsest_A))
    restored = irfft2(rfft2(small) * (np.sign(transfer) * kept).astype(np.float32), shape)
    return restored.astype(np.float32, copy=False), step_A


def _lens(row: Mapping[str, Any], judge: JudgeSettings) -> dict[str, float]:
    fitted = {name: float(row[name]) for name in ("defocus_A", "astigmatism_A", "astigmatism_deg")}
    return fitted | {
        "voltage_kV": judge.voltage_kV, "cs_mm": judge.cs_mm, "amplitude_contrast": judge.amplitude_contrast,
    }  # fmt: skip
