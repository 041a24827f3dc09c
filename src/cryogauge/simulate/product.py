"""One simulated tilt series with everything a method developer needs: data, reconstruction and truth, as files."""

from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryogauge import __version__
from cryogauge.imaging.feature_scale import FEATURE_THRESHOLD, smallest_feature_px
from cryogauge.imaging.reconstruction import Filter, weighted_back_projection
from cryogauge.io import MrcWriter, write_mrc, write_picks, write_tilt_series
from cryogauge.io.json_file import read_json_file, write_json_file
from cryogauge.io.replace import write_csv
from cryogauge.records import BadInput, TiltSeries
from cryogauge.simulate import acquire, oracle
from cryogauge.simulate.densities import load_template
from cryogauge.simulate.kinds import KINDS
from cryogauge.simulate.specimens import SlabShape, Specimen, make_specimen

SETTINGS = "settings.json"


@dataclass(frozen=True)
class SimulationSettings:
    """What one simulated tilt series is of, and how it is taken.

    Attributes
    ----------
    specimen
        Kind of specimen.
    shape
        Size of the volume, ``(z, y, x)`` voxels.
    voxel_size_A
        Edge of a voxel and of an image pixel.
    thickness_nm
        Thickness of the ice.
    slab_tilt_deg
        Tilt of the ice against the volume, in a random direction.
    dose_e_A2
        Dose of the whole series.
    schedule, tilt_range_deg, tilt_step_deg, missing_tilts
        Tilts and their order; see :class:`cryogauge.simulate.acquire.Imaging`.
    defocus_A, voltage_kV, energy_filter
        The microscope: underfocus, acceleration voltage, slit in or out.
    misalignment_A
        Standard deviation of the shifts that the alignment missed.
    frames
        Dose fractions of each exposure; the half tomograms are of the even and of the odd ones.
    keep_frames
        Write the dose fractions too.
    filter
        Of the reconstruction: ``ramp``, ``exact`` or ``sirt``.
    densities
        Paths of density maps and atomic models to place in the place of generated complexes.
    seed
        The same settings and seed give the same files.

    Raises
    ------
    BadInput
        For values that cannot be simulated.
    """

    specimen: str = "cell"
    shape: tuple[int, int, int] = (128, 512, 512)
    voxel_size_A: float = 10.0
    thickness_nm: float = 80.0
    slab_tilt_deg: float = 0.0
    dose_e_A2: float = 100.0
    schedule: str = "dose-symmetric"
    tilt_range_deg: float = 60.0
    tilt_step_deg: float = 3.0
    missing_tilts: int = 0
    defocus_A: float = 40_000.0
    voltage_kV: float = 300.0
    energy_filter: bool = True
    misalignment_A: float = 0.0
    frames: int = 8
    keep_frames: bool = False
    filter: Filter = "ramp"
    densities: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if self.specimen not in KINDS:
            raise BadInput(f"no specimen is called {self.specimen!r}", f"one of: {', '.join(KINDS)}")
        if len(self.shape) != 3 or min(self.shape) < 16:
            raise BadInput(
                f"a volume of {'×'.join(map(str, self.shape))} voxels is too small", "give at least 16 a side"
            )
        if self.frames < 2:
            raise BadInput(f"{self.frames} dose fractions make no two halves", "give at least 2 frames")
        if self.misalignment_A < 0 or self.seed < 0 or self.missing_tilts < 0:
            raise BadInput("misalignment, missing tilts and seed cannot be negative")
        if not self.voltage_kV > 0 or not self.defocus_A >= 0:
            raise BadInput("the voltage must be positive and the underfocus not negative")
        self._check_room()
        _ = self.imaging

    def _check_room(self) -> None:
        """Raises ``BadInput`` where a tilted slab would leave the volume."""
        reach_nm = np.tan(np.deg2rad(abs(self.slab_tilt_deg))) * max(self.shape[1:]) * self.voxel_size_A / 10.0
        room_nm = self.shape[0] * self.voxel_size_A / 10.0
        if self.thickness_nm + reach_nm > room_nm:
            tilted = f" tilted by {self.slab_tilt_deg:g}°" if self.slab_tilt_deg else ""
            raise BadInput(
                f"ice {self.thickness_nm:g} nm thick{tilted} needs {self.thickness_nm + reach_nm:.0f} nm along z; "
                f"the volume has {room_nm:.0f}",
                "choose another thickness, tilt, pixel size or size",
            )

    @cached_property
    def imaging(self) -> acquire.Imaging:
        """The recording that these settings ask for."""
        return acquire.Imaging(
            dose_e_A2=self.dose_e_A2,
            tilt_range_deg=self.tilt_range_deg,
            tilt_step_deg=self.tilt_step_deg,
            schedule=self.schedule,
            missing_tilts=self.missing_tilts,
            defocus_A=self.defocus_A,
            voltage_kV=self.voltage_kV,
            energy_filter=self.energy_filter,
            shift_sd_A=self.misalignment_A,
            frames=self.frames,
        )


def simulate_tilt_series(settings: SimulationSettings, out: Path) -> dict[str, Path]:
    """Simulate one tilt series and its tomogram into a folder.

    Parameters
    ----------
    settings
        What and how.
    out
        The folder, created if need be; files of the same names are replaced, each when its successor is complete.

    Returns
    -------
    dict
        What was written. ``mrc, mdoc, rawtlt, tlt, xf``: the tilt series, electrons per pixel. ``tomogram, even,
        odd``: relative contrast, dark protein; the halves are of the even and the odd dose fractions. ``potential,
        biology``: the specimen in V above vitreous ice, whole and without gold, frost and carbon. ``surfaces``: two
        sections ``(y, x)``, z in voxels of the ice's bottom and top. ``picks, oracle``: tables. ``truth``: thickness
        and the like. ``settings``: what was used; :func:`read_settings` takes it. With ``keep_frames`` also
        ``frames``: a folder with the dose fractions of each tilt as a stack of its own.

    Raises
    ------
    BadInput
        When a density cannot be read, or the folder not written.
    Retryable
        When the disk is full.
    """
    specimen_seed, imaging_seed = (int(s) for s in np.random.SeedSequence(settings.seed).generate_state(2))
    specimen = make_specimen(
        settings.specimen,
        settings.shape,
        settings.voxel_size_A,
        settings.thickness_nm,
        specimen_seed,
        slab=SlabShape(slab_tilt_deg=settings.slab_tilt_deg),
        templates=tuple(load_template(path, settings.voxel_size_A) for path in settings.densities),
    )
    fractions = acquire.expose(specimen, settings.imaging, imaging_seed, frames=True)
    assert isinstance(fractions, list)
    series = acquire.combine(fractions)
    out.mkdir(parents=True, exist_ok=True)
    frames: dict[str, Path] = {}
    if settings.keep_frames:
        movies = _write_frames(out / "frames", fractions)
        frames = {"frames": out / "frames"}
        series = replace(series, table=series.table.assign(movie=[f"frames/{path.name}" for path in movies]))
    written = write_tilt_series(out, "tilt_series", series) | frames
    for half, first in (("even", 0), ("odd", 1)):
        written[half] = out / f"tomogram_{half}.mrc"
        half_series = acquire.combine(fractions[first::2])
        write_mrc(written[half], _reconstruct(half_series, settings), settings.voxel_size_A)
    del fractions
    tomogram = _reconstruct(series, settings)
    written["tomogram"] = out / "tomogram.mrc"
    write_mrc(written["tomogram"], tomogram, settings.voxel_size_A)
    truth = oracle.judge(
        tomogram, specimen.biology_V, within=specimen.coverage(), half_range_deg=settings.tilt_range_deg
    )
    written |= write_truth(out, specimen, truth)
    for name, volume in (("potential", specimen.potential_V), ("biology", specimen.biology_V)):
        written[name] = out / f"{name}.mrc"
        write_mrc(written[name], volume, settings.voxel_size_A)
    written["settings"] = out / SETTINGS
    write_json_file(written["settings"], {"version": __version__, **asdict(settings)})
    return written


def _reconstruct(series: TiltSeries, settings: SimulationSettings) -> np.ndarray:
    contrast = acquire.contrast(np.asarray(series.images))
    return weighted_back_projection(contrast, series.table["tilt_deg"], settings.shape, filter=settings.filter)


def _write_frames(folder: Path, fractions: list[TiltSeries]) -> list[Path]:
    """One stack ``(frame, y, x)`` a tilt, as cameras write them."""
    folder.mkdir(parents=True, exist_ok=True)
    _, height, width = fractions[0].images.shape
    paths = []
    for k, tilt in enumerate(fractions[0].table["tilt_deg"]):
        path = folder / f"{k:03d}_{tilt:+.1f}.mrc"
        with MrcWriter(path, (len(fractions), height, width), fractions[0].pixel_size_A, stack=True) as writer:
            for fraction in fractions:
                writer.append(fraction.images[k])
        paths.append(path)
    return paths


def write_truth(folder: Path, specimen: Specimen, truth: oracle.Truth, tomogram: str = "tomogram") -> dict[str, Path]:
    """Write what is known of a specimen and of a tomogram of it, but for the specimen's volume.

    ``picks.csv``: positions and angles of the placed complexes. ``oracle.csv``: ``z, score, smallest_feature_px,
    smallest_feature_nm, structure_fraction``, one row a slice. ``surfaces.mrc``: bottom and top of the ice.
    ``truth.json``: ``kind, voxel_size_A, thickness_nm, specimen_tilt_deg, tomoscore``.
    """
    written = {name: folder / file for name, file in _TRUTH_FILES.items()}
    write_picks(written["picks"], specimen.picks.assign(tomogram=tomogram))
    feature_px = smallest_feature_px(truth.score)
    table = pd.DataFrame(
        {
            "z": np.arange(len(truth.score)),
            "score": truth.score,
            "smallest_feature_px": feature_px,
            "smallest_feature_nm": feature_px * specimen.voxel_size_A / 10.0,
            "structure_fraction": truth.structure.mean(axis=(1, 2)),
        }
    )
    write_csv(written["oracle"], table, float_format="%.4f")
    write_mrc(written["surfaces"], np.stack([specimen.bottom_px, specimen.top_px]), specimen.voxel_size_A)
    seen = truth.score[truth.score > FEATURE_THRESHOLD]
    summary = {
        "kind": specimen.kind,
        "voxel_size_A": specimen.voxel_size_A,
        "thickness_nm": round(specimen.thickness_nm, 2),
        "specimen_tilt_deg": round(specimen.tilt_deg, 2),
        "tomoscore": round(float(seen.mean()), 4) if len(seen) else 0.0,
    }
    write_json_file(written["truth"], summary)
    return written


_TRUTH_FILES = {"picks": "picks.csv", "oracle": "oracle.csv", "surfaces": "surfaces.mrc", "truth": "truth.json"}


def read_settings(path: str | Path) -> SimulationSettings:
    """Settings from a ``settings.json`` that :func:`simulate_tilt_series` wrote, or from part of one.

    Raises
    ------
    BadInput
        When the file cannot be read, or has an unknown key or a value that cannot be.
    """
    given = read_json_file(path, "give a settings.json that a simulation wrote")
    known = {field.name for field in fields(SimulationSettings)}
    if not isinstance(given, dict):
        raise BadInput(f"{path} is not a mapping of settings", f"known keys: {', '.join(sorted(known))}")
    given.pop("version", None)
    for name in given:
        if name not in known:
            raise BadInput(f"{path} has an unknown key: {name}", f"known: {', '.join(sorted(known))}")
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    try:
        return SimulationSettings(**values)
    except TypeError as error:
        raise BadInput(f"{path} has a value of the wrong kind: {error}") from error
