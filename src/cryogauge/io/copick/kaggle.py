"""The folder of the CZII challenge, as downloaded from Kaggle, made a copick project."""

import logging
import os
import shutil
from pathlib import Path
from typing import Any

from cryogauge.io.copick.project import CONFIG_NAME, create_project, some
from cryogauge.io.json_file import read_json_file, write_json_file
from cryogauge.io.replace import no_space_is_retryable
from cryogauge.io.zarr import is_zarr
from cryogauge.records import CZII_OBJECTS, BadInput

_log = logging.getLogger("cryogauge.io")

#: Who made the challenge's picks, as its own notebooks rename them for copick.
KAGGLE_USER, KAGGLE_SESSION = "curation", "0"
_RENAMED = f"{KAGGLE_USER}_{KAGGLE_SESSION}_"
_LAYOUT = (
    "train/static/ExperimentRuns/TS_*/VoxelSpacing10.000/*.zarr and train/overlay/ExperimentRuns/TS_*/Picks/*.json"
)
_NAMES = tuple(item.name for item in CZII_OBJECTS)


def import_kaggle(folder: Path, out: Path) -> Path:
    """Make a copick project of the CZII challenge's folder.

    The project's static root, ``OUT/static``, has links to the downloaded Zarr arrays, which stay where they are, and
    the picks under the names that copick looks for: user ``curation``, session ``0``. Runs of ``train`` and ``test``
    are joined; of a run in both, that of ``train`` is taken.

    Parameters
    ----------
    folder
        What Kaggle's download was unpacked to, or its ``train`` or ``test``.
    out
        Folder for the project.

    Returns
    -------
    Path
        The project's configuration.

    Raises
    ------
    BadInput
        When the folder is none of the challenge, a tomogram is incomplete, ``train`` has no picks or a file of picks is
        not one of the challenge's, or ``out`` holds a project already.
    Retryable
        When the disk is full.
    """
    if (out / CONFIG_NAME).exists():
        raise BadInput(f"{out} holds a copick project already", "choose another folder, or open this one")
    parts = _parts(folder)
    tomograms: dict[str, list[Path]] = {}
    for part in parts:
        for run, found in _tomograms(part).items():
            tomograms.setdefault(run, found)
    if not tomograms:
        raise BadInput(f"{folder} holds no tomogram", f"the challenge's folder has {_LAYOUT}")
    picks = _picks(folder, parts)
    unknown = sorted(set(picks) - set(tomograms))
    if unknown:
        raise BadInput(f"{folder} has picks of {some(unknown)} without tomograms", "download its static folder, too")
    static = out / "static"
    with no_space_is_retryable(out):
        for run in sorted(tomograms):
            _link(tomograms[run], static / "ExperimentRuns" / run)
            _write_picks(picks.get(run, {}), static / "ExperimentRuns" / run / "Picks")
    _tell_runs_without(folder, sorted(set(tomograms) - set(picks)))
    return create_project(
        out, CZII_OBJECTS, name="CZII challenge", description=f"Imported from {folder.resolve()}", static=static
    )


def _parts(folder: Path) -> list[Path]:
    """The folders with a ``static/ExperimentRuns``: the one given, or its ``train`` and ``test``."""
    if folder.is_file():
        raise BadInput(f"{folder} is a file, not the challenge's folder", "unpack it and give the folder")
    if not folder.is_dir():
        raise BadInput(f"{folder} does not exist", "check the path")
    inside = sorted(path for path in folder.iterdir() if path.is_dir())
    for above in (folder, *(inside if len(inside) == 1 else ())):
        found = [
            above / name for name in ("", "train", "test") if (above / name / "static" / "ExperimentRuns").is_dir()
        ]
        if found:
            return found
    raise BadInput(f"{folder} is not the challenge's folder as Kaggle has it", f"it has {_LAYOUT}")


def _tomograms(part: Path) -> dict[str, list[Path]]:
    """The Zarr folders of each run."""
    found: dict[str, list[Path]] = {}
    for path in sorted((part / "static" / "ExperimentRuns").glob("*/VoxelSpacing*/*.zarr")):
        if not is_zarr(path):
            raise BadInput(f"{path} is no Zarr image, or only a part of one", "download it again")
        found.setdefault(path.parent.parent.name, []).append(path)
    return found


def _picks(folder: Path, parts: list[Path]) -> dict[str, dict[str, dict[str, Any]]]:
    """What the files of picks hold, by run and object, under the names that copick looks for."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for part in parts:
        for path in sorted((part / "overlay" / "ExperimentRuns").glob("*/Picks/*.json")):
            name, document = _read(path)
            found.setdefault(path.parent.parent.name, {})[name] = document
    if not found and any(part.name != "test" for part in parts):
        raise BadInput(
            f"{folder} has tomograms to train on but no picks: overlay/ExperimentRuns/TS_*/Picks/*.json is missing",
            "download train/overlay, too, or give the folder test alone",
        )
    return found


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    name = path.stem.removeprefix(_RENAMED)
    if name not in _NAMES:
        raise BadInput(
            f"{path} is not called after one of the challenge's objects",
            f"it should be OBJECT.json or {_RENAMED}OBJECT.json with one of {', '.join(_NAMES)}",
        )
    document = read_json_file(path, "download it again")
    if not isinstance(document, dict) or not isinstance(document.get("points"), list):
        raise BadInput(f"{path} holds no picks of copick's", "download it again")
    stated = document.get("pickable_object_name", name)
    if stated != name:
        raise BadInput(f"{path} holds picks of {stated}", "give it the name of what it holds")
    return name, document | {"pickable_object_name": name, "user_id": KAGGLE_USER, "session_id": KAGGLE_SESSION}


def _link(tomograms: list[Path], run: Path) -> None:
    for path in tomograms:
        link = run / path.parent.name / path.name
        try:
            link.parent.mkdir(parents=True, exist_ok=True)
            if link.is_symlink():  # of an import that was interrupted
                link.unlink()
            os.symlink(path.resolve(), link, target_is_directory=True)
        except (FileExistsError, NotADirectoryError, PermissionError) as error:
            reason = (error.strerror or "refused").lower()
            raise BadInput(f"{link} cannot be made: {reason}", "choose another folder") from error


def _write_picks(picks: dict[str, dict[str, Any]], folder: Path) -> None:
    if folder.is_dir():  # of an import that was interrupted
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    for name, document in picks.items():
        write_json_file(folder / f"{_RENAMED}{name}.json", document)


def _tell_runs_without(folder: Path, runs: list[str]) -> None:
    if runs:
        _log.warning("%s has no picks of %s; the challenge keeps those of its test", folder, some(runs))
