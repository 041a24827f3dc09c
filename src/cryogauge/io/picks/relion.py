"""RELION's STAR files of particles in tomograms, versions 3, 4 and 5.

Positions
    Version 3 (subtomograms): ``rlnCoordinateX/Y/Z`` in voxels of the tomogram ``rlnMicrographName``. Version 4:
    ``rlnCoordinateX/Y/Z`` in pixels of the tilt series (``rlnTomoTiltSeriesPixelSize``), whatever the tomogram's
    binning. Version 5: ``rlnCenteredCoordinateX/Y/ZAngst`` in Å from the tomogram's centre at size / 2, as
    ``TomogramSet::loadTomogram`` and ``ParticleSet::getPosition`` of RELION have it (github.com/3dem/relion); its
    Python picker counts from size / 2 − 1, one pixel of the tilt series away (issue 1137 there). All count the first
    voxel's centre as 0.
Shifts
    The particle is at its coordinate less A_subtomogram · ``rlnOriginX/Y/ZAngst`` (or ``rlnOriginX/Y/Z`` in voxels).
Angles
    P = A_subtomogram A_particle of ``rlnTomoSubtomogramRot/Tilt/Psi`` and ``rlnAngleRot/Tilt/Psi``
    (``ParticleSet::getMatrix3x3``). Ours are written as ``rlnAngle…``.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryogauge.io.picks import angles as turns
from cryogauge.io.picks.check import tell_left_out
from cryogauge.io.picks.frame import UNNAMED, Frame, PickFormat, angles_of, picks_table, positions_A
from cryogauge.io.picks.tomograms import bare_name
from cryogauge.io.replace import replacing
from cryogauge.io.tilts.relion import read_star
from cryogauge.records import BadInput

PIXELS = ["rlnCoordinateX", "rlnCoordinateY", "rlnCoordinateZ"]
_CENTRED = ["rlnCenteredCoordinateXAngst", "rlnCenteredCoordinateYAngst", "rlnCenteredCoordinateZAngst"]
_SHIFTS_A = ["rlnOriginXAngst", "rlnOriginYAngst", "rlnOriginZAngst"]
_SHIFTS = ["rlnOriginX", "rlnOriginY", "rlnOriginZ"]
_PARTICLE = ["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"]
_SUBTOMOGRAM = ["rlnTomoSubtomogramRot", "rlnTomoSubtomogramTilt", "rlnTomoSubtomogramPsi"]
_SCORES = ("rlnAutopickFigureOfMerit", "rlnLCCmax")
_PIXEL_SIZE = "rlnTomoTiltSeriesPixelSize"
_OBJECT = "rlnParticleName"
_READ = {*PIXELS, *_CENTRED, *_SHIFTS, *_SHIFTS_A, *_PARTICLE, *_SUBTOMOGRAM, *_SCORES, _OBJECT, "rlnOpticsGroup"}
_READ |= {"rlnTomoName", "rlnMicrographName", "rlnPixelSize", "rlnDetectorPixelSize", "rlnMagnification"}


def is_star(head: bytes) -> bool:
    """Whether a file's first bytes are of a STAR file."""
    return re.search(rb"(?m)^\s*data_", head) is not None


def _recognises_5(head: bytes) -> bool:
    return is_star(head) and b"_rlnCenteredCoordinateZAngst" in head


def _recognises_4(head: bytes) -> bool:
    return is_star(head) and b"_rlnCoordinateZ" in head and b"_rlnTomoName" in head


def _recognises_3(head: bytes) -> bool:
    return is_star(head) and b"_rlnCoordinateZ" in head and b"_rlnTomoName" not in head


def _read_5(path: Path, frame: Frame) -> pd.DataFrame:
    particles, _ = particle_tables(path, _CENTRED, "RELION 5")
    names = tomogram_names(path, particles, frame)
    centres = {}
    for name in dict.fromkeys(names):
        extent = frame.extent_A(name)
        if extent is None:
            raise BadInput(
                f"{path} counts from the centre of the tomogram {name}, whose size is unknown",
                "give --tomograms tomograms.star, or --size and --voxel-size",
            )
        centres[name] = extent / 2
    middle = np.array([centres[name] for name in names]).reshape(-1, 3)
    return picks_of(path, particles, frame, names, numbers(path, particles, _CENTRED) + middle, None)


def _read_4(path: Path, frame: Frame) -> pd.DataFrame:
    particles, optics = particle_tables(path, PIXELS, "RELION 4")
    names = tomogram_names(path, particles, frame)
    pixels = _tilt_series_pixels(path, particles, optics, names, frame)
    return picks_of(path, particles, frame, names, numbers(path, particles, PIXELS) * pixels[:, None], pixels)


def read_3(path: Path, frame: Frame) -> pd.DataFrame:
    """Picks in voxels of the tomogram, with what a reader needs beside the file."""
    particles, optics = particle_tables(path, PIXELS, "RELION 3")
    names = tomogram_names(path, particles, frame)
    voxel = frame.voxel(path, _stated_voxel(path, particles, optics))
    positions = numbers(path, particles, PIXELS) * voxel
    picks = picks_of(path, particles, frame, names, positions, np.full(len(names), voxel))
    picks.attrs["voxel_size_A"] = voxel
    return picks


def particle_tables(path: Path, needed: list[str], version: str) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Table of the particles, the one that has certain columns, and that of the optics groups, if any."""
    blocks = read_star(path)
    for table in blocks.values():
        if set(needed) <= set(table.columns):
            return table.reset_index(drop=True), blocks.get("optics")
    raise BadInput(f"{path} has no {', '.join(needed)}, as {version} has", "leave the kind out, or name another file")


def numbers(path: Path, table: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """Columns of a table as numbers, shape ``(row, column)``."""
    try:
        return table[columns].to_numpy(dtype=float)
    except (ValueError, TypeError) as error:
        raise BadInput(
            f"{path} has a value in {columns[0]} to {columns[-1][-6:]} that is no number: {error}"
        ) from error


def tomogram_names(path: Path, particles: pd.DataFrame, frame: Frame) -> list[str]:
    """Names of the tomograms of all particles, as the file has them or as given."""
    if "rlnTomoName" in particles.columns:
        return list(particles["rlnTomoName"].astype(str))
    if "rlnMicrographName" in particles.columns:
        return [bare_name(name) for name in particles["rlnMicrographName"].astype(str)]
    if frame.tomogram is None:
        raise BadInput(f"{path} names no tomograms", "give the name with --tomogram")
    return [frame.tomogram] * len(particles)


def _tilt_series_pixels(
    path: Path, particles: pd.DataFrame, optics: pd.DataFrame | None, names: list[str], frame: Frame
) -> np.ndarray:
    """Pixel of the tilt series of each particle, Å."""
    if _PIXEL_SIZE in particles.columns:
        return numbers(path, particles, [_PIXEL_SIZE])[:, 0]
    if optics is not None and _PIXEL_SIZE in optics.columns:
        sizes = numbers(path, optics, [_PIXEL_SIZE])[:, 0]
        if len(sizes) == 1:
            return np.full(len(names), sizes[0])
        if "rlnOpticsGroup" in particles.columns and "rlnOpticsGroup" in optics.columns:
            by_group = dict(zip(numbers(path, optics, ["rlnOpticsGroup"])[:, 0], sizes, strict=True))
            groups = numbers(path, particles, ["rlnOpticsGroup"])[:, 0]
            if not set(groups) <= set(by_group):
                raise BadInput(f"{path} has particles of an optics group that it does not describe", "mend the file")
            return np.array([by_group[group] for group in groups])
    listed = {each.name: each.pixel_size_A for each in frame.tomograms if each.pixel_size_A}
    if names and set(names) <= set(listed):
        return np.array([listed[name] for name in names], dtype=float)
    if frame.voxel_size_A is None:
        raise BadInput(
            f"{path} counts in pixels of the tilt series and does not say how large one is",
            "give --tomograms tomograms.star, or that pixel in Å with --voxel-size",
        )
    return np.full(len(names), frame.voxel_size_A)


def _stated_voxel(path: Path, particles: pd.DataFrame, optics: pd.DataFrame | None) -> float | None:
    """The voxel that positions of RELION 3 are counted in, where the file says it beyond doubt.

    That is ``rlnPixelSize`` of Warp's exports, ``rlnMicrographPixelSize``, or the detector's pixel (µm) over the
    magnification, which is 10,000 where it is left out. The pixel of the images, which may be binned, says nothing.
    """
    for table in (particles, optics):
        for column in ("rlnPixelSize", "rlnMicrographPixelSize"):
            if table is not None and column in table.columns and len(table):
                values = np.unique(numbers(path, table, [column]))
                return float(values[0]) if len(values) == 1 else None
    if "rlnDetectorPixelSize" in particles.columns and len(particles):
        detector = numbers(path, particles, ["rlnDetectorPixelSize"])[:, 0]
        enlarged = np.full(len(detector), 1e4)
        if "rlnMagnification" in particles.columns:
            enlarged = numbers(path, particles, ["rlnMagnification"])[:, 0]
        values = np.unique(1e4 * detector / np.where(enlarged > 0, enlarged, np.nan))
        return float(values[0]) if len(values) == 1 else None
    return None


def picks_of(
    path: Path,
    particles: pd.DataFrame,
    frame: Frame,
    names: list[str],
    positions: np.ndarray,
    voxels: np.ndarray | None,
) -> pd.DataFrame:
    """Particles at positions in Å, shape ``(pick, 3)``, less their shifts, as a table; voxels are those of shifts."""
    count, columns = len(particles), set(particles.columns)
    subtomogram = np.tile(np.eye(3), (count, 1, 1))
    if set(_SUBTOMOGRAM) <= columns:
        subtomogram = turns.matrices(numbers(path, particles, _SUBTOMOGRAM))
    shifts = np.zeros((count, 3))
    if set(_SHIFTS_A) <= columns:
        shifts = numbers(path, particles, _SHIFTS_A)
    elif set(_SHIFTS) <= columns and voxels is not None:
        shifts = numbers(path, particles, _SHIFTS) * voxels[:, None]
    positions = positions - np.einsum("nij,nj->ni", subtomogram, shifts)
    angles = None
    if set(_PARTICLE) <= columns and set(_SUBTOMOGRAM) <= columns:
        angles = turns.from_matrices(subtomogram @ turns.matrices(numbers(path, particles, _PARTICLE)))
    elif set(_PARTICLE) <= columns:
        angles = numbers(path, particles, _PARTICLE)
    elif set(_SUBTOMOGRAM) <= columns:
        angles = numbers(path, particles, _SUBTOMOGRAM)
    score = next((name for name in _SCORES if name in columns), None)
    tell_left_out([name for name in particles.columns if name not in _READ], path)
    return picks_table(
        names,
        _objects(particles, frame),
        positions,
        None if score is None else numbers(path, particles, [score])[:, 0],
        angles,
    )


def _objects(particles: pd.DataFrame, frame: Frame) -> str | list[str]:
    """``rlnParticleName`` where it names a kind, not each particle; or the name given."""
    if 0 in frame.objects or _OBJECT not in particles.columns:
        return frame.objects.get(0, UNNAMED)
    names = list(particles[_OBJECT].astype(str))
    return names if len(set(names)) < len(names) or len(names) == 1 else UNNAMED


def _write_5(path: Path, table: pd.DataFrame, frame: Frame) -> list[Path]:
    names = list(table["tomogram"].astype(str))
    centres = {}
    for name in set(names):
        extent = frame.extent_A(name)
        if extent is None:
            raise BadInput(
                f"RELION 5 counts from the centre of the tomogram, and the size of {name} is unknown",
                "give --tomograms tomograms.star, or --size and --voxel-size",
            )
        centres[name] = extent / 2
    middle = np.array([centres[name] for name in names])
    columns = {"rlnTomoName": names, **_columns(_CENTRED, positions_A(table) - middle), **_rest(table)}
    return _write(path, columns, None)  # RELION makes whole optics groups from tomograms.star where a file has none


def _write_4(path: Path, table: pd.DataFrame, frame: Frame) -> list[Path]:
    names = list(table["tomogram"].astype(str))
    listed = {each.name: each.pixel_size_A for each in frame.tomograms if each.pixel_size_A}
    unknown = next((name for name in names if name not in listed), None)
    if unknown is not None and frame.voxel_size_A is None:
        raise BadInput(
            f"RELION 4 counts in pixels of the tilt series, and that of {unknown} is unknown",
            "give --tomograms tomograms.star, or that pixel in Å with --voxel-size",
        )
    pixels = [listed.get(name) or float(frame.voxel_size_A or 0.0) for name in names]
    places = positions_A(table) / np.array(pixels)[:, None]
    return _write(path, {"rlnTomoName": names, **_columns(PIXELS, places), **_rest(table)}, pixels)


def _write_3(path: Path, table: pd.DataFrame, frame: Frame) -> list[Path]:
    return write_voxels(path, table, frame.voxel(path), [f"{name}.mrc" for name in table["tomogram"].astype(str)])


def write_voxels(path: Path, table: pd.DataFrame, voxel: float, files: list[str]) -> list[Path]:
    """Write picks in voxels of their tomograms, which ``rlnMicrographName`` names; the files written."""
    columns: dict[str, Any] = {
        "rlnMicrographName": files,
        **_columns(PIXELS, positions_A(table) / voxel),
        **_rest(table),
        "rlnMagnification": np.full(len(table), 1e4),
        "rlnDetectorPixelSize": np.full(len(table), voxel),
    }
    return _write(path, columns, None)


def _rest(table: pd.DataFrame) -> dict[str, Any]:
    angles = angles_of(table)
    columns: dict[str, Any] = {} if angles is None else _columns(_PARTICLE, angles)
    if not table["score"].isna().all():
        columns[_SCORES[0]] = np.nan_to_num(table["score"].to_numpy(dtype=float))
    return {**columns, _OBJECT: list(table["object"].astype(str))}


def _columns(names: list[str], values: np.ndarray) -> dict[str, Any]:
    return dict(zip(names, values.T, strict=True))


def _write(path: Path, columns: dict[str, Any], pixels: list[float] | None) -> list[Path]:
    import starfile

    blocks = {}
    if pixels is not None:
        sizes = sorted(set(pixels))
        groups = {size: group for group, size in enumerate(sizes, 1)}
        columns = {**columns, "rlnOpticsGroup": [groups[size] for size in pixels]}
        blocks["optics"] = pd.DataFrame(
            {
                "rlnOpticsGroup": list(groups.values()),
                "rlnOpticsGroupName": [f"opticsGroup{group}" for group in groups.values()],
                _PIXEL_SIZE: sizes,
            }
        )
    blocks["particles"] = pd.DataFrame(columns)
    with replacing(path) as temporary:
        temporary.write_text(starfile.to_string(blocks), encoding="utf-8")
    return [path]


RELION5 = PickFormat("relion5", ".star", _recognises_5, _read_5, _write_5, one_object=True, angles=True, scores=True)
RELION4 = PickFormat("relion4", ".star", _recognises_4, _read_4, _write_4, one_object=True, angles=True, scores=True)
RELION3 = PickFormat("relion3", ".star", _recognises_3, read_3, _write_3, one_object=True, angles=True, scores=True)
