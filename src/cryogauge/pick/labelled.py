"""Tomograms of a copick project with the picks that people trust, ready to learn from."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.io import content_key
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
        Whose picks; needed where several have picked a kind in a run.
    objects
        Names of the kinds to learn; all by default.
    runs, without
        Runs to take, all that have picks by default; and runs not to take.
    """

    config: str
    kind: str | None = None
    voxel_size_A: float | None = None
    user: str | None = None
    session: str | None = None
    objects: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


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
    contents
        Fingerprint of each tomogram's file, by name.
    """

    tomograms: tuple[LabelledTomogram, ...]
    objects: tuple[PickObject, ...]
    voxel_size_A: float
    picks: pd.DataFrame
    kind: str
    contents: dict[str, str]


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
        When kinds, runs, tomograms or picks are not there; when several have picked a kind in a run; when voxel sizes
        differ; when a tomogram is flat or full of what is no number; or when picks lie outside their tomograms, as they
        do when voxels were taken for Å.
    """
    project = open_project(source.config)
    objects = _chosen(project, source)
    picks = read_project_picks(
        project, user=source.user, session=source.session, objects=[each.name for each in objects],
        runs=source.runs or None,
    )  # fmt: skip
    if picks.empty:
        raise BadInput(f"the picks of {source.config} that were asked for are empty", "label some particles first")
    picks = picks[~picks["tomogram"].isin(source.without)]
    if picks.empty:
        raise BadInput(f"no picks are left without {', '.join(source.without)}", "leave fewer runs out")
    _check_makers(picks)
    kind, spacing = _which(project, source, set(picks["tomogram"]))
    picks = _one_a_place(picks)
    folder.mkdir(parents=True, exist_ok=True)
    labels = {each.name: each.label for each in objects}
    tomograms, sizes, contents = [], [], {}
    for name, of_run in picks.groupby("tomogram", sort=True):
        volume = open_tomogram(project, str(name), kind, spacing)
        check_picks_in(of_run, volume, str(name))
        sizes.append(volume.voxel_size_A)
        contents[str(name)] = content_key(volume.source)
        tomograms.append(_labelled(str(name), volume, of_run, labels, folder / f"{name}-{contents[str(name)]}.npy"))
        on_read(str(name))
    if max(sizes) / min(sizes) > 1.02:
        raise BadInput(
            f"the tomograms have voxels of {min(sizes):g} to {max(sizes):g} Å", "learn from one voxel size at a time"
        )
    return LabelledSet(tuple(tomograms), objects, float(np.median(sizes)), picks, kind, contents)


def _check_makers(picks: pd.DataFrame) -> None:
    """Raise ``BadInput`` where several have picked a kind in a run: one of them may be a network."""
    makers = picks["user"] + "/" + picks["session"]
    groups = makers.groupby([picks["tomogram"], picks["object"]])
    several = groups.nunique() > 1
    if several.any():
        run, kind = several.index[int(several.to_numpy().argmax())]
        raise BadInput(
            f"{run} has picks of {kind} of several users or sessions: "
            f"{', '.join(sorted(groups.get_group((run, kind)).unique()))}",
            "say by --user and --session whose to learn from: those of a network are no truth",
        )


def _one_a_place(picks: pd.DataFrame) -> pd.DataFrame:
    """The picks without those at the very place of another, which can be told from it neither here nor in a score."""
    place = ["tomogram", "x_A", "y_A", "z_A"]
    repeated = picks.duplicated([*place, "object"])
    if repeated.any():
        log.warning("%d of %d picks are given twice and taken once", repeated.sum(), len(picks))
        picks = picks[~repeated]
    crowded = picks.duplicated(place)
    if crowded.any():
        first = picks[crowded].iloc[0]
        log.warning(
            "%d of %d picks lie at the very place of another kind's and are left out, the first a %s in %s",
            crowded.sum(), len(picks), first["object"], first["tomogram"],
        )  # fmt: skip
    return picks[~crowded].reset_index(drop=True)


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


def _labelled(name: str, volume: Volume, picks: pd.DataFrame, labels: dict[str, int], path: Path) -> LabelledTomogram:
    """A tomogram whose grey values are in a file, which is made where it is missing."""
    if not path.exists():
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.save(file, normalised(np.asarray(volume.data), name))
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
