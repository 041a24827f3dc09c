"""copick projects: every tomogram of every run and voxel spacing."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryogauge.io.zarr import FORMAT as ZARR
from cryogauge.records import BadInput, Volume

if TYPE_CHECKING:
    from copick.impl.filesystem import CopickRootFSSpec

PREFIX = "copick:"
_LOCAL = ("local://", "file://")


class CopickFormat:
    """Tomograms of a copick project on disk: ``copick:CONFIG.json#RUN/SPACING/TYPE``."""

    name = "copick"
    suffixes = ()

    def recognises(self, uri: str) -> bool:
        """By the prefix ``copick:``."""
        return uri.startswith(PREFIX)

    def open(self, uri: str, pixel_size_A: float | None, scratch: Path | None) -> Volume:
        """Open the tomogram's OME-Zarr; see ``VolumeFormat.open``."""
        path = tomogram_path(uri)
        volume = ZARR.open(path, pixel_size_A, scratch)
        return Volume(volume.data, volume.voxel_size_A, volume.origin_A, uri)


FORMAT = CopickFormat()


def is_config(path: Path) -> bool:
    """Whether a file is a copick configuration."""
    try:
        document = json.loads(path.read_bytes()) if path.suffix.lower() == ".json" else None
    except ValueError:
        return False
    return isinstance(document, dict) and {"pickable_objects", "overlay_root"} <= document.keys()


def tomogram_uris(config: str) -> list[str]:
    """The URIs of all tomograms of a project, by run, voxel spacing and type.

    Parameters
    ----------
    config
        Path of the configuration.

    Raises
    ------
    BadInput
        When it is no configuration of a project on disk, or the project holds no tomogram.
    """
    found = sorted(
        (run.name, spacing.voxel_size, tomogram.tomo_type)
        for run in _project(config).runs
        for spacing in run.voxel_spacings
        for tomogram in spacing.tomograms
    )
    if not found:
        raise BadInput(
            f"the copick project {config} holds no tomogram",
            "copick looks for ExperimentRuns/RUN/VoxelSpacing10.000/TYPE.zarr under its two roots",
        )
    return [f"{PREFIX}{config}#{run}/{spacing:.3f}/{kind}" for run, spacing, kind in found]


def tomogram_path(uri: str) -> str:
    """The path of the OME-Zarr behind ``copick:CONFIG.json#RUN/SPACING/TYPE``.

    Raises
    ------
    BadInput
        When the project has no such tomogram.
    """
    config, _, member = uri.removeprefix(PREFIX).partition("#")
    try:
        run_name, spacing_A, kind = member.split("/")
        spacing = float(spacing_A)
    except ValueError as error:
        raise BadInput(f"{uri} names no tomogram", f"write {PREFIX}CONFIG.json#RUN/SPACING/TYPE") from error
    run = _project(config).get_run(run_name)
    held = run.get_voxel_spacing(spacing) if run else None
    found: list[Any] = held.get_tomograms(kind) if held else []
    if not found:
        raise BadInput(f"the copick project {config} has no tomogram {member}", "run `copick browse` to see them")
    return str(found[0].static_path if found[0].read_only else found[0].overlay_path)


def _project(config: str) -> "CopickRootFSSpec":
    from copick.impl.filesystem import CopickRootFSSpec

    path = Path(config)
    if not path.is_file():
        raise BadInput(f"{config} does not exist", "give the path of a copick configuration")
    if not is_config(path):
        raise BadInput(f"{config} is no copick configuration", "it needs pickable_objects and an overlay_root")
    document = json.loads(path.read_bytes())
    roots = [str(document.get(root) or "") for root in ("overlay_root", "static_root")]
    remote = [root for root in roots if "://" in root and not root.startswith(_LOCAL)]
    if document.get("config_type", "filesystem") != "filesystem" or remote:
        raise BadInput(
            f"{config} describes a copick project that is not on disk",
            "cryogauge reads copick projects of type filesystem; name remote tomograms by their OME-Zarr addresses",
        )
    try:
        return CopickRootFSSpec.from_file(str(path))
    except ValueError as error:  # pydantic's
        raise BadInput(f"{config} is a damaged copick configuration: {error}") from error
