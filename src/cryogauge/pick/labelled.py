"""Tomograms of a copick project with the picks that people trust, ready to learn from."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.io.copick import Project, list_tomograms, open_project, open_tomogram, read_project_picks
from cryogauge.io.copick.transforms import matrices_of
from cryogauge.pick.patches import LabelledTomogram, normalised
from cryogauge.records import BadInput, PickObject, Volume

log = logging.getLogger("cryogauge.pick")


@dataclass(frozen=True)
class LabelledSource:
    """Where labelled tomograms are.

    Attributes
    ----------
    config
        A copick configuration.
    kind
        Type of the tomograms, such as ``wbp``; needed where a project has several.
    voxel_size_A
        Needed where a project has the kind at several.
    user, session
        Whose picks; those of everybody by default.
    objects
        Names of the kinds to learn; all by default.
    runs
        Runs to take; all that have picks by default.
    """

    config: str
    kind: str | None = None
    voxel_size_A: float | None = None
    user: str | None = None
    session: str | None = None
    objects: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()


@dataclass(frozen=True)
class LabelledSet:
    """What is learned from.

    Attributes
    ----------
    tomograms
        Grey values are memory maps of files in the folder given.
    objects
        The kinds, their labels counted from 1.
    voxel_size_A
        Of all tomograms.
    picks
        The picks used, positions in Å.
    kind
        Type of the tomograms.
    """

    tomograms: tuple[LabelledTomogram, ...]
    objects: tuple[PickObject, ...]
    voxel_size_A: float
    picks: pd.DataFrame
    kind: str


def read_labelled(
    source: LabelledSource, folder: Path, *, on_read: Callable[[str], None] = lambda name: None
) -> LabelledSet:
    """Read the labelled tomograms of a project.

    Parameters
    ----------
    source
        Which.
    folder
        Where their grey values are kept as files, so that not all of them need to be in memory and the next stage need
        not read them again.
    on_read
        Told the name of each tomogram as it is ready.

    Raises
    ------
    BadInput
        When kinds, runs, tomograms or picks are not there; when voxel sizes differ; or when picks lie outside their
        tomograms, as they do when voxels were taken for Å.
    """
    project = open_project(source.config)
    objects = _chosen(project, source)
    picks = read_project_picks(
        project, user=source.user, session=source.session, objects=[each.name for each in objects],
        runs=source.runs or None,
    )  # fmt: skip
    kind, spacing = _which(project, source, set(picks["tomogram"]))
    repeated = picks.duplicated(["tomogram", "object", "x_A", "y_A", "z_A"])
    if repeated.any():
        log.warning("%d of %d picks are given twice and taken once: name a user or session", repeated.sum(), len(picks))
        picks = picks[~repeated].reset_index(drop=True)
    folder.mkdir(parents=True, exist_ok=True)
    labels = {each.name: each.label for each in objects}
    tomograms, sizes = [], []
    for name, of_run in picks.groupby("tomogram", sort=True):
        volume = open_tomogram(project, str(name), kind, spacing)
        check_picks_in(of_run, volume, str(name))
        sizes.append(volume.voxel_size_A)
        tomograms.append(_labelled(str(name), volume, of_run, labels, folder))
        on_read(str(name))
    if max(sizes) / min(sizes) > 1.02:
        raise BadInput(
            f"the tomograms have voxels of {min(sizes):g} to {max(sizes):g} Å", "learn from one voxel size at a time"
        )
    return LabelledSet(tuple(tomograms), objects, float(np.median(sizes)), picks, kind)


def check_picks_in(picks: pd.DataFrame, volume: Volume, name: str) -> None:
    """Raise ``BadInput`` where picks cannot be of this tomogram: beyond its edges, or voxels taken for Å."""
    places = picks[["z_A", "y_A", "x_A"]].to_numpy(float)
    size_A = np.array(volume.shape) * volume.voxel_size_A
    if not np.isfinite(places).all():
        raise BadInput(f"{name}: a pick has a position that is no number", "take it out")
    outside = int(np.any((places < -volume.voxel_size_A) | (places > size_A), axis=1).sum())
    if outside:
        raise BadInput(
            f"{name}: {outside} of {len(places)} picks lie outside the tomogram of "
            f"{' × '.join(f'{edge:.0f}' for edge in size_A)} Å (z, y, x)",
            "check that they are of this tomogram, in Å from its corner",
        )
    if len(places) >= 10 and volume.voxel_size_A > 3 and np.all(places <= np.array(volume.shape)):
        raise BadInput(
            f"{name}: all {len(places)} picks lie within the first {volume.shape} Å of it: they look like voxels taken "
            "for Å",
            f"multiply them by the voxel size of {volume.voxel_size_A:g} Å",
        )


def _chosen(project: Project, source: LabelledSource) -> tuple[PickObject, ...]:
    """The kinds to learn, their labels counted from 1 in the project's order."""
    known = {each.name: each for each in project.objects}
    unknown = [name for name in source.objects if name not in known]
    if unknown:
        raise BadInput(f"{source.config} has no object {unknown[0]}", f"its objects are {', '.join(known)}")
    chosen = [each for each in project.objects if not source.objects or each.name in source.objects]
    if not chosen:
        raise BadInput(f"{source.config} has no kinds of particles", "give its objects a label and a radius")
    return tuple(replace(each, label=label) for label, each in enumerate(chosen, start=1))


def _which(project: Project, source: LabelledSource, runs: set[str]) -> tuple[str, float]:
    """Type and voxel size of the tomograms to read."""
    there = [each for each in list_tomograms(project) if each.run in runs]
    fitting = {
        (each.kind, each.voxel_size_A)
        for each in there
        if source.kind in (None, each.kind)
        and (source.voxel_size_A is None or abs(each.voxel_size_A / source.voxel_size_A - 1) < 0.005)
    }
    names = ", ".join(sorted({f"{each.kind} at {each.voxel_size_A:g} Å" for each in there})) or "none"
    if not fitting:
        raise BadInput(f"{source.config} has no such tomograms of the runs with picks", f"it has {names}")
    if len(fitting) > 1:
        raise BadInput(f"{source.config} has several tomograms a run: {names}", "say which by --type and --voxel-size")
    return next(iter(fitting))


def _labelled(name: str, volume: Volume, picks: pd.DataFrame, labels: dict[str, int], folder: Path) -> LabelledTomogram:
    key = hashlib.sha256(f"{volume.source}|{volume.shape}|{volume.voxel_size_A}".encode()).hexdigest()[:12]
    path = folder / f"{name}-{key}.npy"
    if not path.exists():
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.save(file, normalised(np.asarray(volume.data)))
        part.replace(path)
    angles = picks[["rot", "tilt", "psi"]].to_numpy(float)
    rotations = None
    if np.isfinite(angles).all():
        rotations = matrices_of(angles)[:, ::-1, ::-1]  # of vectors (z, y, x)
    return LabelledTomogram(
        name,
        np.load(path, mmap_mode="r"),
        picks[["z_A", "y_A", "x_A"]].to_numpy(float) / volume.voxel_size_A,
        picks["object"].map(labels).to_numpy(int),
        rotations,
    )
