"""Features of a tomogram in a copick project: several values a voxel."""

from typing import Any

import numpy as np

from cryogauge.io.copick.errors import explained
from cryogauge.io.copick.project import Project, check_id
from cryogauge.io.copick.stores import open_array, write_image
from cryogauge.io.copick.tomograms import find_tomogram
from cryogauge.records import BadInput


def write_features(project: Project, run: str, voxel_size_A: float, kind: str, name: str, data: np.ndarray) -> None:
    """Write features of a tomogram into the project's overlay, in place of those of the same name.

    Parameters
    ----------
    project
        From ``open_project``.
    run, voxel_size_A, kind
        The tomogram they belong to.
    name
        What to call them; without underscores.
    data
        ``(c, z, y, x)``; written as float32, a chunk a channel.

    Raises
    ------
    BadInput
        When there is no such tomogram, copick would change the name, the data have other axes, or a static root
        holds these features already.
    Retryable
        When the disk is full or a server cannot be reached.
    """
    check_id("name of features", name)
    given = np.asarray(data, dtype=np.float32)
    if given.ndim != 4 or 0 in given.shape:
        raise BadInput(f"an array of shape {given.shape} holds no features", "give (c, z, y, x)")
    tomogram = find_tomogram(project, run, kind, voxel_size_A)
    with explained(project.config):
        if any(each.read_only and each.feature_type == name for each in tomogram.query_features()):
            raise BadInput(f"the features {name} of {run} lie in the project's read-only part", "choose another name")
        path = f"{tomogram.overlay_stem}_{name}_features.zarr"
        write_image(tomogram.fs_overlay, path, [given], float(voxel_size_A), channels=True)


def open_features(project: Project, run: str, voxel_size_A: float, kind: str, name: str) -> Any:
    """Open features of a tomogram without reading them.

    Parameters
    ----------
    project
        From ``open_project``.
    run, voxel_size_A, kind
        The tomogram they belong to.
    name
        What they are called.

    Returns
    -------
    array-like
        ``(c, z, y, x)`` with numpy slicing; reads the chunks that are asked for.

    Raises
    ------
    BadInput
        When there is no such tomogram or it has no such features.
    Retryable
        When a server cannot be reached.
    """
    tomogram = find_tomogram(project, run, kind, voxel_size_A)
    with explained(project.config):
        there = {str(each.feature_type): each for each in reversed(tomogram.query_features())}
        if name not in there:
            held = ", ".join(sorted(there)) or "none"
            raise BadInput(f"{kind} of {run} has no features {name}", f"it has {held}")
        return open_array(there[name].fs, str(there[name].path), "0", f"the features {name} of {run}")


def feature_names(project: Project, run: str, voxel_size_A: float, kind: str) -> list[str]:
    """The names of a tomogram's features, sorted."""
    tomogram = find_tomogram(project, run, kind, voxel_size_A)
    with explained(project.config):
        return sorted({str(each.feature_type) for each in tomogram.query_features()})
