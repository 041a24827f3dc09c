"""The file formats at hand, ours and those of plug-ins, and opening a tomogram by whichever knows it."""

import logging
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from cryogauge.io.copick import PREFIX as COPICK
from cryogauge.io.voxel import check_given
from cryogauge.records import BadInput, Volume
from cryogauge.records.plugins import FORMAT_GROUP, VolumeFormat

_log = logging.getLogger("cryogauge.io")

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")


@cache
def registered_formats() -> tuple[VolumeFormat, ...]:
    """All registered formats by name; a plug-in that cannot be loaded is warned of and left out."""
    loaded = []
    for entry in sorted(entry_points(group=FORMAT_GROUP), key=lambda entry: entry.name):
        try:
            loaded.append(entry.load())
        except (ImportError, AttributeError) as error:
            _log.warning("the file format %s (%s) cannot be loaded: %s", entry.name, entry.value, error)
    return tuple(loaded)


def known_suffixes() -> tuple[str, ...]:
    """Endings of the names by which a search through folders finds tomograms."""
    return tuple(suffix for each in registered_formats() for suffix in each.suffixes)


def is_local(uri: str) -> bool:
    """Whether it is a path on this machine, not a URL or a copick tomogram."""
    return "://" not in uri and not uri.startswith(COPICK)


def open_volume(uri: str | Path, *, pixel_size_A: float | None = None, scratch: Path | None = None) -> Volume:
    """Open a tomogram without reading it.

    Parameters
    ----------
    uri
        Path of an MRC, HDF5, TIFF or OME-Zarr tomogram, URL of an OME-Zarr one, or
        ``copick:CONFIG.json#RUN/SPACING/TYPE``; and what plug-ins add.
    pixel_size_A
        Voxel edge in Å, which takes precedence over the file's own.
    scratch
        Folder for unpacking compressed files; the system's temporary folder by default. Nothing stays in it.

    Returns
    -------
    Volume
        Data of shape (z, y, x), read slice by slice as they are asked for.

    Raises
    ------
    BadInput
        When the file is missing, unreadable, empty, truncated, of an unknown kind or a single image, or when its
        voxel size is missing, absurd or anisotropic and none was given.
    Retryable
        When there is no space for unpacking or a server cannot be reached.
    """
    uri = str(uri)
    check_given(pixel_size_A)
    try:
        if is_local(uri):
            _check_exists(Path(uri))
        for each in registered_formats():
            if each.recognises(uri):
                return each.open(uri, pixel_size_A, scratch)
    except PermissionError as error:
        raise BadInput(f"{uri} may not be read", "ask its owner for permission") from error
    raise _unknown(uri)


def _check_exists(path: Path) -> None:
    size = path.stat().st_size if path.exists() else None
    if size is None:
        raise BadInput(f"{path} does not exist", "check the path")
    if size == 0 and path.is_file():
        raise BadInput(f"{path} is empty (0 bytes)", "copy or write it again")


def _unknown(uri: str) -> BadInput:
    if is_local(uri) and Path(uri).is_dir():
        return BadInput(f"{uri} is a folder, not a tomogram", "open the files in it; find_tomograms lists them")
    if uri.lower().endswith(PICTURE_SUFFIXES):
        return BadInput(f"{uri} is a single image, not a tomogram", "judge single pictures with --slices")
    return BadInput(f"{uri} is of no known format", f"known are {' '.join(known_suffixes())}")
