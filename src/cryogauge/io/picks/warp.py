"""STAR files of particles for WarpTools and M, and M's own.

``WarpTools ts_export_particles`` (``ExportParticlesTiltseries.cs`` of github.com/warpem/warp) reads
``rlnCoordinateX/Y/Z`` in pixels of the size that ``--coords_angpix`` gives it, from 0 at the centre of the first voxel
(https://warpem.github.io/warp, *Tomogram particle files*), RELION's angles as P, and the tilt series by the name of its
file, ``TS_1.tomostar``, in ``rlnMicrographName``. ``MTools create_species --particles_relion``
(``ParticleStarParsing.cs``) reads the same columns and takes the pixel from ``rlnDetectorPixelSize`` and
``rlnMagnification``. ``ts_template_match`` writes positions as parts of the tomogram's size, from 0 to 1
(``TiltSeries.MatchFull.cs``). Warp's reconstructions have their voxel in their names, ``TS_1_10.00Apx.mrc``, which is
none of the tilt series'.

M's own table has Å of the same origin in ``wrpCoordinateX1/Y1/Z1``, and more columns with higher numbers where a pose
changes in the course of the exposure; the first are taken. It names its data by a checksum, so it is only read.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.io.picks.check import tell_left_out
from cryogauge.io.picks.frame import UNNAMED, Frame, PickFormat, log, picks_table
from cryogauge.io.picks.relion import (
    PIXELS,
    is_star,
    numbers,
    particle_tables,
    picks_of,
    read_3,
    tomogram_names,
    write_voxels,
)
from cryogauge.io.picks.tomograms import bare_name
from cryogauge.records import BadInput

_RECONSTRUCTION = re.compile(r"_\d+\.\d\dApx$")  # ToTomogramWithPixelSize
_M_PLACES = ["wrpCoordinateX1", "wrpCoordinateY1", "wrpCoordinateZ1"]
_M_ANGLES = ["wrpAngleRot1", "wrpAngleTilt1", "wrpAnglePsi1"]
_M_SOURCE = "wrpSourceName"
_M_READ = {*_M_PLACES, *_M_ANGLES, _M_SOURCE, "wrpSourceHash", "wrpRandomSubset"}


def _recognises(head: bytes) -> bool:
    return is_star(head) and b"_rlnCoordinateZ" in head and b".tomostar" in head and b"_rlnTomoName" not in head


def _read(path: Path, frame: Frame) -> pd.DataFrame:
    particles, _ = particle_tables(path, PIXELS, "Warp")
    places = numbers(path, particles, PIXELS)
    if not len(places) or not (places.min() >= 0 and places.max() <= 1):
        return read_3(path, frame)
    names = tomogram_names(path, particles, frame)
    extents = {}
    for name in dict.fromkeys(names):
        extent = frame.extent_A(name)
        if extent is None:
            raise BadInput(
                f"{path} has positions as parts of the tomogram {name}, whose size is unknown",
                "give --size and --voxel-size of the tomograms that were searched",
            )
        extents[name] = extent
    places = places * np.array([extents[name] for name in names])
    return picks_of(path, particles, frame, names, places, None)


def _write(path: Path, table: pd.DataFrame, frame: Frame) -> list[Path]:
    names = [bare_name(name) for name in table["tomogram"].astype(str)]
    series = [_RECONSTRUCTION.sub("", name) for name in names]
    renamed = next((pair for pair in zip(names, series, strict=True) if pair[0] != pair[1]), None)
    if renamed:
        log.warning("%s: tomograms are named by their tilt series: %s.tomostar for %s", path, renamed[1], renamed[0])
    return write_voxels(path, table, frame.voxel(path), [f"{name}.tomostar" for name in series])


def _recognises_m(head: bytes) -> bool:
    return is_star(head) and b"_wrpCoordinateZ1" in head


def _read_m(path: Path, frame: Frame) -> pd.DataFrame:
    particles, _ = particle_tables(path, [*_M_PLACES, _M_SOURCE], "M")
    names = [bare_name(name) for name in particles[_M_SOURCE].astype(str)]
    angles = numbers(path, particles, _M_ANGLES) if set(_M_ANGLES) <= set(particles.columns) else None
    tell_left_out([name for name in particles.columns if name not in _M_READ], path)
    places = numbers(path, particles, _M_PLACES)
    return picks_table(names, frame.objects.get(0, UNNAMED), places, angles=angles)


WARP = PickFormat("warp", ".star", _recognises, _read, _write, one_object=True, angles=True, scores=True)
M = PickFormat("m", ".star", _recognises_m, _read_m, None, one_object=True, angles=True)
