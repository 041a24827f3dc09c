"""Tomograms of copick projects by URI: ``copick:CONFIG.json#RUN/SPACING/TYPE``."""

import functools
from pathlib import Path
from typing import Any

from cryogauge.io.copick.errors import explained
from cryogauge.io.copick.project import Project, open_project
from cryogauge.io.copick.stores import read_document
from cryogauge.io.copick.tomograms import PREFIX, address_of, find_tomogram, list_tomograms, open_found, place_of
from cryogauge.records import BadInput, Volume


class CopickFormat:
    """Tomograms of a copick project: ``copick:CONFIG.json#RUN/SPACING/TYPE``."""

    name = "copick"
    suffixes = ()

    def recognises(self, uri: str) -> bool:
        """By the prefix ``copick:``."""
        return uri.startswith(PREFIX)

    def open(self, uri: str, pixel_size_A: float | None, scratch: Path | None) -> Volume:
        """Open the tomogram's OME-Zarr; see ``VolumeFormat.open``."""
        project, tomogram = _named(uri)
        return open_found(project, tomogram, uri, pixel_size_A)


FORMAT = CopickFormat()


def tomogram_uris(config: str) -> list[str]:
    """The URIs of all tomograms of a project, by run, voxel spacing and type.

    Parameters
    ----------
    config
        Path of the configuration.

    Raises
    ------
    BadInput
        When it is no configuration, or the project holds no tomogram.
    Retryable
        When a server cannot be reached.
    """
    found = list_tomograms(open_project(config))
    if not found:
        raise BadInput(
            f"the copick project {config} holds no tomogram",
            "copick looks for ExperimentRuns/RUN/VoxelSpacing10.000/TYPE.zarr under its two roots",
        )
    return [each.uri(config) for each in found]


def tomogram_path(uri: str) -> str:
    """Where the OME-Zarr behind ``copick:CONFIG.json#RUN/SPACING/TYPE`` can be read without copick.

    Returns
    -------
    str
        Its path on this machine or its https address; the URI itself where only copick's file system reaches it.

    Raises
    ------
    BadInput
        When the project has no such tomogram.
    Retryable
        When a server cannot be reached.
    """
    return address_of(_named(uri)[1]) or uri


def tomogram_attributes(uri: str) -> dict[str, Any]:
    """The attributes of the OME-Zarr behind a URI, wherever it lies; empty where there are none."""
    project, tomogram = _named(uri)
    file_system, path = place_of(tomogram)
    with explained(project.config):
        return read_document(file_system, f"{path}/.zattrs")


def _named(uri: str) -> tuple[Project, Any]:
    """The project, and copick's object of the tomogram."""
    config, _, member = uri.removeprefix(PREFIX).partition("#")
    try:
        run, size_A, kind = member.split("/")
        spacing_A = float(size_A)
    except ValueError as error:
        raise BadInput(f"{uri} names no tomogram", f"write {PREFIX}CONFIG.json#RUN/SPACING/TYPE") from error
    project = _project(config)
    return project, find_tomogram(project, run, kind, spacing_A)


def _project(config: str) -> Project:
    """A project is opened once for all its tomograms, as long as its configuration stays as it is."""
    path = Path(config)
    if not path.is_file():
        return open_project(config)  # which says so
    status = path.stat()
    return _opened(config, str(path.absolute()), status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=4)
def _opened(config: str, path: str, mtime_ns: int, size: int) -> Project:
    return open_project(config)
