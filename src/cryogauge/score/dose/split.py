"""Tomograms of parts of the dose, all of one geometry, one at a time."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import fourier_shift

from cryogauge.imaging.motion import register_frames
from cryogauge.imaging.reconstruction import Filter
from cryogauge.imaging.threads import for_each
from cryogauge.imaging.tilted import Aligner, as_contrast, back_project
from cryogauge.records import BadInput, Retryable, TiltSeries, Volume
from cryogauge.score.dose.plan import Plan, Subset, make_plan


@dataclass(frozen=True)
class Sizes:
    """Stands for images of which only the size is looked at."""

    shape: tuple[int, ...]


@dataclass(frozen=True)
class Exposures:
    """A tilt series together with the dose fractions of its images.

    Attributes
    ----------
    series
        Geometry and dose; its images are not looked at, but their size is.
    movies
        For each image its dose fractions, array-like ``(fraction, y, x)``, read one at a time.
    gain
        ``(y, x)``, multiplied into every fraction; None for movies that are corrected already.
    drift
        For each image the displacement (y, x) of each of its fractions in pixels, ``(fraction, 2)``; None where it is
        to be found, if at all.

    Raises
    ------
    BadInput
        When movies and images do not match in number or size.
    """

    series: TiltSeries
    movies: Sequence[Any]
    gain: NDArray[np.floating] | None = None
    drift: Sequence[NDArray[np.floating]] | None = None

    def __post_init__(self) -> None:
        if len(self.movies) != len(self.series.table):
            raise BadInput(f"{len(self.movies)} movies do not go with {len(self.series.table)} tilts")
        size = tuple(self.series.images.shape[1:])
        for k, movie in enumerate(self.movies):
            if tuple(movie.shape[1:]) != size:
                raise BadInput(
                    f"the movie of tilt {self.series.table['tilt_deg'].iloc[k]:g}° has fractions of "
                    f"{movie.shape[2]} × {movie.shape[1]} pixels, the tilt series images of {size[1]} × {size[0]}",
                    "give the movies that the images were made of, at the same binning",
                )

    @property
    def total_e_A2(self) -> float:
        """Exposure of all used images; NaN where a dose is not known."""
        return float(self.series.table["dose_e_A2"].to_numpy(dtype=np.float64)[self.series.used].sum())


@dataclass(frozen=True)
class Reconstruction:
    """How the tomograms of a split are made: ``voxel_size_A`` (None: the pixel of the images), ``thickness_nm``,
    ``filter``, and whether drift within each movie that is not known is to be found (``register``).
    """

    voxel_size_A: float | None = None
    thickness_nm: float = 300.0
    filter: Filter = "ramp"
    register: bool = True


def split_tomograms(
    exposures: Exposures,
    subsets: Sequence[Subset],
    how: Reconstruction = Reconstruction(),
    *,
    scratch: Path | None = None,
) -> Iterator[tuple[Subset, float, Volume]]:
    """Reconstruct every subset of the dose with identical geometry.

    Each dose fraction is read once. What is held in memory is one stack of aligned images and one tomogram; the sums
    of the groups of fractions that the subsets share wait on disk, binned and aligned, four bytes a pixel of
    ``groups × tilts × y × x``.

    Parameters
    ----------
    exposures
        Tilts marked as not used are left out.
    subsets
        Which; see :mod:`cryogauge.score.dose.plan`.
    how
        Reconstruction, the same for all.
    scratch
        Folder for the groups; the system's temporary folder unless given. Nothing is left in it.

    Yields
    ------
    The subset, its true dose in e⁻/Å² (NaN where the doses of the tilts are not known), and its tomogram.

    Raises
    ------
    BadInput
        When a movie has too few fractions for a subset, or the geometry cannot be reconstructed.
    Retryable
        When the scratch folder has no room.
    """
    series = exposures.series
    used = np.flatnonzero(series.used)
    chosen = TiltSeries(Sizes((len(used), *series.images.shape[1:])), series.pixel_size_A, series.table.iloc[used])
    movies = [exposures.movies[int(k)] for k in used]
    plan = make_plan(subsets, [movie.shape[0] for movie in movies])
    aligner = Aligner(chosen, how.voxel_size_A)
    dose = chosen.table["dose_e_A2"].to_numpy(dtype=np.float64)
    fractions = np.array([movie.shape[0] for movie in movies])
    with tempfile.TemporaryDirectory(prefix="cryogauge-dose-", dir=scratch) as folder:
        known = None if exposures.drift is None else [exposures.drift[int(k)] for k in used]
        groups = _group_sums(Path(folder), plan, movies, aligner, exposures.gain, known, how.register)
        for k, subset in enumerate(plan.subsets):
            images = np.zeros(groups.shape[1:], dtype=np.float32)
            for group in np.flatnonzero(plan.members[k]):
                images += groups[group]
            volume = back_project(
                as_contrast(images), chosen, aligner.pixel_size_A, thickness_nm=how.thickness_nm, filter=how.filter
            )
            part = float((dose * plan.counts[k] / fractions).sum())
            yield subset, part, Volume(volume, aligner.pixel_size_A, source=f"{series.source}, {subset.name}")
        del groups


def _group_sums(
    folder: Path,
    plan: Plan,
    movies: Sequence[Any],
    aligner: Aligner,
    gain: NDArray[np.floating] | None,
    known: Sequence[NDArray[np.floating]] | None,
    register: bool,
) -> NDArray[np.float32]:
    """Sums of each group of fractions, binned and aligned: a memory map ``(group, tilt, y, x)``."""
    shape = (plan.groups, len(movies), *aligner.shape)
    room, need = shutil.disk_usage(folder).free, int(np.prod(shape)) * 4
    if need > 0.95 * room:
        raise Retryable(
            f"sums of dose fractions need {need / 1e9:.1f} GB and {folder.parent} has {room / 1e9:.1f} GB",
            "give a roomier folder by --scratch, a larger voxel, or fewer subsets",
        )
    sums = np.lib.format.open_memmap(folder / "groups.npy", mode="w+", dtype=np.float32, shape=shape)

    def one(tilt: int) -> None:
        movie = movies[tilt]
        drift = np.zeros((movie.shape[0], 2))
        if known is not None:
            drift = np.asarray(known[tilt], dtype=np.float64)
        elif register:
            drift = register_frames(movie, gain)
        for group in range(plan.groups):
            members = np.flatnonzero(plan.atoms[tilt] == group)
            if len(members):
                total = _sum(movie, members, drift, gain, exact=aligner.factor < 2)
                sums[group, tilt] = aligner.align(total, tilt)

    for_each(one, range(len(movies)))
    return sums


def _sum(
    movie: Any,
    members: NDArray[np.intp],
    drift: NDArray[np.float64],
    gain: NDArray[np.floating] | None,
    *,
    exact: bool,
) -> NDArray[np.float32]:
    """Some fractions of a movie, their drift undone; to the nearest pixel where binning hides the rest.

    The gain is that of the camera's pixels, and so comes before anything moves.
    """
    total = np.zeros(movie.shape[1:], dtype=np.float32)
    moved = np.zeros(total.shape, dtype=np.complex128) if exact and np.abs(drift).max() > 0.05 else None
    for k in members:
        frame = np.asarray(movie[int(k)], dtype=np.float32)
        if gain is not None:
            frame = frame * gain
        if moved is not None:
            moved += fourier_shift(np.fft.fft2(frame), -drift[k])
        else:
            total += np.roll(frame, tuple(-drift[k].round().astype(int)), axis=(0, 1))
    return total if moved is None else np.fft.ifft2(moved).real.astype(np.float32)
