"""Tomograms of a copick project."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from cryogauge.io.copick.errors import explained
from cryogauge.io.copick.project import Project, check_id, find_run, some
from cryogauge.io.copick.stores import halved, on_disk, open_image, write_image
from cryogauge.io.voxel import check_given
from cryogauge.io.zarr import FORMAT as ZARR
from cryogauge.records import BadInput, Volume

PREFIX = "copick:"
_SCALES = 3  # as copick itself writes


class TomogramName(NamedTuple):
    """What a tomogram of a project is called.

    Attributes
    ----------
    run
        Name of its run.
    voxel_size_A
        As in the name of its folder, to three decimals; the image may state it more finely.
    kind
        copick's type of tomogram, such as ``wbp`` or ``denoised``.
    """

    run: str
    voxel_size_A: float
    kind: str

    def uri(self, config: str) -> str:
        """The URI that ``open_volume`` takes."""
        return f"{PREFIX}{config}#{self.run}/{self.voxel_size_A:.3f}/{self.kind}"


def list_tomograms(project: Project) -> list[TomogramName]:
    """Every tomogram of every run, sorted; of several of one name one."""
    with explained(project.config):
        found = {
            TomogramName(str(run.name), round(float(spacing.voxel_size), 3), str(tomogram.tomo_type))
            for run in project.root.query()
            for spacing, tomogram in of_run(run)
        }
    return sorted(found)


def of_run(run: Any) -> Iterator[tuple[Any, Any]]:
    """The voxel spacings and tomograms of a run as copick has them, read-only ones first."""
    for spacing in sorted(run.query_voxelspacings(), key=lambda spacing: spacing.voxel_size):
        for tomogram in spacing.query_tomograms():
            yield spacing, tomogram


def find_tomogram(project: Project, run: str, kind: str, voxel_size_A: float | None = None) -> Any:
    """A tomogram as copick has it; of several of one name the first, as copick does.

    Parameters
    ----------
    voxel_size_A
        Compared to three decimals; needed only where the run has the kind at several.

    Raises
    ------
    BadInput
        When there is none, or there are several.
    """
    held = find_run(project, run)
    with explained(project.config):
        there = list(of_run(held))
    found = [
        (spacing, tomogram)
        for spacing, tomogram in there
        if tomogram.tomo_type == kind and voxel_size_A in (None, *_rounded(spacing, voxel_size_A))
    ]
    if not found:
        member = f"{run}/{'*' if voxel_size_A is None else f'{voxel_size_A:.3f}'}/{kind}"
        held_names = some(f"{spacing.voxel_size:.3f}/{tomogram.tomo_type}" for spacing, tomogram in there)
        raise BadInput(f"the copick project {project.config} has no tomogram {member}", f"{run} has {held_names}")
    sizes = {f"{spacing.voxel_size:.3f}" for spacing, _ in found}
    if len(sizes) > 1:
        raise BadInput(f"{run} has {kind} at {some(sizes)} Å", "say at which voxel size")
    return found[0][1]


def _rounded(spacing: Any, voxel_size_A: float | None) -> tuple[float, ...]:
    """The asked-for size where it is the spacing's to three decimals."""
    same = voxel_size_A is not None and f"{spacing.voxel_size:.3f}" == f"{voxel_size_A:.3f}"
    return (voxel_size_A,) if same and voxel_size_A is not None else ()


def open_tomogram(project: Project, run: str, kind: str, voxel_size_A: float | None = None) -> Volume:
    """Open a tomogram without reading it.

    Parameters
    ----------
    project
        From ``open_project``.
    run, kind
        Name of the run, and type of the tomogram.
    voxel_size_A
        As in the folder's name (``VoxelSpacing10.012``); needed only where the run has the kind at several. The volume
        has the size that its image states.

    Raises
    ------
    BadInput
        When there is no such tomogram, or it cannot be read.
    Retryable
        When a server cannot be reached.
    """
    tomogram = find_tomogram(project, run, kind, voxel_size_A)
    size_A = float(tomogram.voxel_spacing.voxel_size)
    return open_found(project, tomogram, TomogramName(run, size_A, kind).uri(project.config))


def open_found(project: Project, tomogram: Any, uri: str, pixel_size_A: float | None = None) -> Volume:
    """Open what ``find_tomogram`` found, under the name of a URI."""
    address = address_of(tomogram)
    if address:
        volume = ZARR.open(address, pixel_size_A, None)
        return Volume(volume.data, volume.voxel_size_A, volume.origin_A, uri)
    with explained(project.config):
        return open_image(*place_of(tomogram), uri, pixel_size_A)


def address_of(tomogram: Any) -> str:
    """Where tensorstore finds a tomogram: its path on this machine, or the portal's https address; else empty."""
    if tomogram.read_only and hasattr(tomogram, "portal_tomo"):
        return str(tomogram.meta.portal_metadata.portal_metadata.https_omezarr_dir or "")
    local = on_disk(*place_of(tomogram))
    return "" if local is None else str(local)


def place_of(tomogram: Any) -> tuple[Any, str]:
    """File system and path of a tomogram."""
    if tomogram.read_only:
        return tomogram.fs_static, str(tomogram.static_path)
    return tomogram.fs_overlay, str(tomogram.overlay_path)


def write_tomogram(project: Project, run: str, data: np.ndarray, voxel_size_A: float, kind: str) -> None:
    """Write a tomogram into the project's overlay as OME-Zarr 0.4 of up to three scales, in place of one of its name.

    Parameters
    ----------
    project
        From ``open_project``.
    run
        Its run, which is made where there is none.
    data
        ``(z, y, x)``; written as float32.
    voxel_size_A
        Edge of a voxel. copick's folder has it to three decimals, the image in full.
    kind
        copick's type of tomogram: letters, digits and hyphens, such as ``wbp``.

    Raises
    ------
    BadInput
        When the data are no volume of finite numbers, copick would not find a tomogram of this name, or a static
        root holds one already.
    Retryable
        When the disk is full or a server cannot be reached.
    """
    check_given(voxel_size_A)
    check_id("type of a tomogram", kind)
    if "features" in kind:
        raise BadInput(f"a tomogram cannot be called {kind}", "copick passes over names with 'features' in them")
    if not run or run.startswith(".") or set(run) & set(r'/\*?[]<>:"|'):
        raise BadInput(f"{run!r} cannot be the name of a run", "leave out slashes, brackets and signs such as * ? :")
    finest = np.asarray(data, dtype=np.float32)
    if finest.ndim != 3 or min(finest.shape) < 1 or not np.isfinite(finest).all():
        raise BadInput(f"an array of shape {finest.shape} is no tomogram of finite numbers", "give (z, y, x)")
    with explained(project.config):
        held = project.root.new_run(run, exist_ok=True)
        if any(tomogram.read_only for tomogram in _same(held, voxel_size_A, kind)):
            raise BadInput(f"{kind} of {run} lies in the project's read-only part", "choose another type of tomogram")
        scales = [finest]
        while len(scales) < _SCALES and min(scales[-1].shape) > 1:
            scales.append(halved(scales[-1]))
        path = f"{held.overlay_path}/VoxelSpacing{voxel_size_A:.3f}/{kind}.zarr"
        write_image(held.fs_overlay, path, scales, float(voxel_size_A))


def _same(run: Any, voxel_size_A: float, kind: str) -> Iterator[Any]:
    for spacing, tomogram in of_run(run):
        if f"{spacing.voxel_size:.3f}" == f"{voxel_size_A:.3f}" and tomogram.tomo_type == kind:
            yield tomogram
