"""Segmentations of a copick project: labels of several objects, or the mask of one."""

from typing import Any

import numpy as np

from cryogauge.io.copick.errors import explained
from cryogauge.io.copick.library import quietly
from cryogauge.io.copick.project import Project, check_id, find_run, some
from cryogauge.io.copick.stores import open_array, write_image
from cryogauge.io.voxel import check_given
from cryogauge.records import BadInput


def write_segmentation(
    project: Project, run: str, labels: np.ndarray, voxel_size_A: float, *, name: str, user: str, session: str
) -> None:
    """Write the labels of several objects into the project's overlay, in place of those of the same names.

    Parameters
    ----------
    project
        From ``open_project``.
    run
        A run of the project.
    labels
        Whole numbers from 0 to 255, ``(z, y, x)``: the objects' labels, and 0 for nothing.
    voxel_size_A
        Edge of a voxel.
    name, user, session
        What to call it; without underscores.

    Raises
    ------
    BadInput
        When the run is unknown, the labels are none, copick would change a name, or a static root holds it already.
    Retryable
        When the disk is full or a server cannot be reached.
    """
    check_id("name of a segmentation", name)
    _write(project, run, labels, voxel_size_A, (name, user, session), many=True)


def write_mask(
    project: Project, run: str, mask: np.ndarray, voxel_size_A: float, *, name: str, user: str, session: str
) -> None:
    """Write the mask of one object, ``(z, y, x)`` of 0 and 1, named after it; see ``write_segmentation``."""
    known = {item.name for item in project.root.config.pickable_objects}
    if name not in known:
        raise BadInput(f"{project.config} has no object {name}", f"its objects are {some(known)}")
    given = np.asarray(mask)
    if given.size and given.max() > 1:
        raise BadInput(f"a mask of {name} has values up to {given.max()}", "write labels with write_segmentation")
    _write(project, run, given, voxel_size_A, (name, user, session), many=False)


def _write(
    project: Project, run: str, labels: np.ndarray, voxel_size_A: float, names: tuple[str, str, str], *, many: bool
) -> None:
    with quietly():
        from copick.util.segmentation import RESERVED_NAME_SUFFIXES, segmentation_store_name

    check_given(voxel_size_A)
    name, user, session = names
    check_id("user", user)
    check_id("session", session)
    if name.endswith(RESERVED_NAME_SUFFIXES):
        raise BadInput(f"a segmentation cannot be called {name}", "copick adds -multilabel itself")
    given = np.asarray(labels)
    whole = given.ndim == 3 and given.dtype.kind in "biu"
    if not whole or (given.size and (given.min() < 0 or given.max() > 255)):
        raise BadInput(
            f"an array of shape {given.shape} and type {given.dtype} holds no labels",
            "give whole numbers 0–255, (z, y, x)",
        )
    held = find_run(project, run)
    if any(each.read_only for each in _matching(project, held, voxel_size_A, name, user, session, many=many)):
        raise BadInput(
            f"the segmentation {name} of {run} lies in the project's read-only part", "choose another session"
        )
    store = segmentation_store_name(voxel_size_A, user, session, name, is_multilabel=many)
    with explained(project.config):
        path = f"{held.overlay_path}/Segmentations/{store}"
        write_image(held.fs_overlay, path, [given.astype(np.uint8)], float(voxel_size_A))


def read_segmentation(
    project: Project,
    run: str,
    voxel_size_A: float,
    *,
    name: str,
    user: str | None = None,
    session: str | None = None,
) -> np.ndarray:
    """The labels of several objects.

    Parameters
    ----------
    project
        From ``open_project``.
    run, name
        Its run and name.
    voxel_size_A
        Compared to three decimals.
    user, session
        Needed where several made one of that name.

    Returns
    -------
    numpy.ndarray
        ``(z, y, x)``, of the type that was stored: uint8 of ours.

    Raises
    ------
    BadInput
        When there is none, there are several, or it cannot be read.
    Retryable
        When a server cannot be reached.
    """
    return _read(project, run, voxel_size_A, name, user, session, many=True)


def read_mask(
    project: Project, run: str, voxel_size_A: float, *, name: str, user: str | None = None, session: str | None = None
) -> np.ndarray:
    """The mask of one object, ``(z, y, x)``; see ``read_segmentation``."""
    return _read(project, run, voxel_size_A, name, user, session, many=False)


def _read(
    project: Project, run: str, voxel_size_A: float, name: str, user: str | None, session: str | None, *, many: bool
) -> np.ndarray:
    held = find_run(project, run)
    found = _matching(project, held, voxel_size_A, name, user, session, many=many)
    what = "segmentation" if many else "mask"
    if not found:
        there = some(segmentation_name(each) for each in segmentations_of(project, held))
        raise BadInput(f"{run} has no {what} {name} at {voxel_size_A:.3f} Å", f"it has {there}")
    makers = {(str(each.user_id), str(each.session_id)) for each in found}
    if len(makers) > 1:
        made = some(f"{maker}/{when}" for maker, when in makers)
        raise BadInput(f"{run} has several of the {what} {name}", f"say which user and session: {made}")
    with explained(project.config):
        where = f"the {what} {name} of {run}"
        return np.asarray(open_array(found[0].fs, str(found[0].path), "0", where)[:])


def segmentations_of(project: Project, run: Any) -> list[Any]:
    """The segmentations of a run as copick has them, read-only ones first."""
    with explained(project.config):
        return list(run.query_segmentations())


def segmentation_name(segmentation: Any) -> str:
    """What a segmentation is called in a message."""
    size = f"{segmentation.voxel_size:.3f}"
    return f"{segmentation.name} ({segmentation.segmentation_type}, {size} Å, by {segmentation.user_id})"


def _matching(
    project: Project, run: Any, voxel_size_A: float, name: str, user: str | None, session: str | None, *, many: bool
) -> list[Any]:
    return [
        each
        for each in segmentations_of(project, run)
        if each.segmentation_type == ("multilabel" if many else "binary")
        and each.name == name
        and f"{each.voxel_size:.3f}" == f"{voxel_size_A:.3f}"
        and user in (None, str(each.user_id))
        and session in (None, str(each.session_id))
    ]
