"""A SHREC track made a copick project."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cryogauge.io.copick.picks import write_project_picks
from cryogauge.io.copick.project import CONFIG_NAME, create_project, open_project
from cryogauge.io.copick.segmentations import write_segmentation
from cryogauge.io.copick.tomograms import write_tomogram
from cryogauge.io.formats import open_volume
from cryogauge.io.json_file import read_json_file, write_json_file
from cryogauge.io.shrec.model import ShrecModel, find_shrec, read_labels, read_shrec
from cryogauge.records import BadInput, PickObject
from cryogauge.records.shrec import SHREC_KINDS, SHREC_VOXEL_A

#: Who picked, in which session, what the labels are called and of which type the tomograms are.
SHREC_USER, SHREC_SESSION, SHREC_LABELS, SHREC_TYPE = "shrec", "0", "particles", "wbp"
_MARKER = "shrec.json"


def import_shrec(folder: Path, out: Path, *, on_run: Callable[[str], None] = lambda name: None) -> Path:
    """Make a copick project of a SHREC track's folder.

    Each tomogram becomes a run ``model_N`` of type ``wbp`` at 10 Å with its grey values as they are; picks, with their
    orientations where the convention is known, are of user ``shrec`` and session ``0``; the segmentation ``particles``
    holds every particle's voxels. Kinds have labels from 1 in the order of ``SHREC_KINDS``. An import that was
    interrupted goes on where it stopped.

    Parameters
    ----------
    folder
        Of the track, or of one tomogram.
    out
        Folder for the project.
    on_run
        Told the name of each run when it is written.

    Returns
    -------
    Path
        The project's configuration.

    Raises
    ------
    BadInput
        When the folder is none of a track, a file of it cannot be used, or ``out`` holds another project.
    Retryable
        When the disk is full.
    """
    models = [read_shrec(path) for path in find_shrec(folder)]
    held = {name for model in models for name in model.picks["object"]}
    if not held:
        raise BadInput(f"{folder} has no list of particles", "download the set with its ground truth")
    kinds = [kind for kind in SHREC_KINDS if kind.name in held]
    labels = {kind.name: label for label, kind in enumerate(kinds, 1)}
    marker = out / _MARKER
    begun: dict[str, Any] = {"imported": str(folder.resolve()), "runs": []}
    if (out / CONFIG_NAME).exists():
        found = read_json_file(marker, "choose another folder") if marker.exists() else {}
        if found.get("imported") != begun["imported"]:
            raise BadInput(f"{out} holds another copick project", "choose another folder, or open this one")
        begun = found
    else:
        objects = [
            PickObject(kind.name, labels[kind.name], kind.radius_A, identifier=_identifier(kind.name)) for kind in kinds
        ]
        description = f"Imported from {begun['imported']}; the last tomogram, {models[-1].name}, is the test"
        create_project(out, objects, name="SHREC", description=description)
        write_json_file(marker, begun)
    for model in models:
        if model.name not in begun["runs"]:
            _write(out / CONFIG_NAME, model, labels)
            begun["runs"].append(model.name)
            write_json_file(marker, begun)
        on_run(model.name)
    return out / CONFIG_NAME


def _identifier(name: str) -> str:
    return f"PDB-{name.upper()}" if name[0].isdigit() else ""


def _write(config: Path, model: ShrecModel, labels: dict[str, int]) -> None:
    project = open_project(config)
    data = np.asarray(open_volume(model.volume, pixel_size_A=SHREC_VOXEL_A).data, dtype=np.float32)
    write_tomogram(project, model.name, data, SHREC_VOXEL_A, SHREC_TYPE)
    del data
    user, session = SHREC_USER, SHREC_SESSION
    filled = read_labels(model, labels)
    if filled is not None:
        write_segmentation(project, model.name, filled, SHREC_VOXEL_A, name=SHREC_LABELS, user=user, session=session)
    if len(model.picks):
        write_project_picks(project, model.picks, user=user, session=session)
