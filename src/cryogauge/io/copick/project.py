"""A copick project: its configuration, objects and runs, on disk, behind fsspec, or on the CryoET Data Portal."""

import functools
import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryogauge.io.copick.errors import explained, reason
from cryogauge.io.copick.library import quietly
from cryogauge.io.json_file import read_json_file, write_json_file
from cryogauge.io.replace import no_space_is_retryable
from cryogauge.records import CZII_OBJECTS, BadInput, PickObject

_log = logging.getLogger("cryogauge.io")

CONFIG_NAME = "copick.json"
FILESYSTEM, PORTAL = "filesystem", "cryoet_data_portal"
_ROOTS = ("overlay_root", "static_root")
_HINT = "give the path of a copick configuration"
#: Colours that stay apart to most eyes (Okabe and Ito), for programs that draw the objects.
_COLOURS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167))


@dataclass(frozen=True)
class Project:
    """An open copick project.

    Attributes
    ----------
    config
        Path of its configuration.
    objects
        Its particles, by label. Left out are objects that are no particles, and those without a label or a radius.
    root
        copick's own root object. Its lists of runs are kept in memory: call ``root.refresh()`` after writing.
    """

    config: str
    objects: tuple[PickObject, ...]
    root: Any


def is_config(path: Path) -> bool:
    """Whether a file is a copick configuration."""
    try:
        document = json.loads(path.read_bytes()) if path.suffix.lower() == ".json" else None
    except (ValueError, FileNotFoundError):
        return False
    return isinstance(document, dict) and {"pickable_objects", "overlay_root"} <= document.keys()


def create_project(
    folder: Path, objects: Sequence[PickObject], *, name: str = "", description: str = "", static: Path | None = None
) -> Path:
    """Make an empty project: ``FOLDER/copick.json``, and ``FOLDER/overlay`` for what will be written.

    copick takes no paths relative to a configuration, so its roots are absolute. When the folder is moved,
    ``open_project`` finds them beside the configuration; for other programs they must be mended in it.

    Parameters
    ----------
    folder
        Made where there is none.
    objects
        What can be picked; names and labels are unique.
    name, description
        For people; the folder's name by default.
    static
        Folder of what is only to be read, with ``ExperimentRuns`` in it.

    Returns
    -------
    Path
        The configuration.

    Raises
    ------
    BadInput
        When the folder holds a project already or cannot be made, or a name or label is given twice.
    Retryable
        When the disk is full.
    """
    with quietly():
        import copick

    path = folder / CONFIG_NAME
    if path.exists():
        raise BadInput(f"{folder} holds a copick project already", "choose another folder, or open this one")
    for what, values in (("name", [each.name for each in objects]), ("label", [str(each.label) for each in objects])):
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise BadInput(f"two objects have the {what} {', '.join(twice)}", f"give each a {what} of its own")
    overlay = folder / "overlay"
    try:
        with no_space_is_retryable(folder):
            overlay.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        reason = (error.strerror or "refused").lower()
        raise BadInput(f"the folder {folder} cannot be made: {reason}", "choose another folder") from error
    document: dict[str, Any] = {
        "config_type": FILESYSTEM,
        "name": name or folder.resolve().name,
        "description": description,
        "version": copick.__version__,
        "pickable_objects": [_as_pickable(each, place) for place, each in enumerate(objects)],
        "overlay_root": f"local://{overlay.resolve()}",
        "overlay_fs_args": {"auto_mkdir": True},
    }
    if static is not None:
        document |= {"static_root": f"local://{static.resolve()}", "static_fs_args": {}}
    write_json_file(path, document)
    return path


def _as_pickable(item: PickObject, place: int) -> dict[str, Any]:
    """An object as copick writes it; what it has no place for goes into its metadata."""
    key = next(
        (key for start, key in (("EMD-", "emdb_id"), ("PDB-", "pdb_id")) if item.identifier.startswith(start)), ""
    )
    pickable: dict[str, Any] = {
        "name": item.name,
        "is_particle": True,
        "label": item.label,
        "color": [*_COLOURS[place % len(_COLOURS)], 255],
        "radius": item.radius_A,
        "metadata": {"weight": item.weight},
    }
    return pickable | ({key or "identifier": item.identifier} if item.identifier else {})


def open_project(config: str | Path) -> Project:
    """Open a project of copick's types ``filesystem`` (any file system that fsspec knows) and ``cryoet_data_portal``.

    Parameters
    ----------
    config
        Path of the configuration.

    Raises
    ------
    BadInput
        When it is no configuration, is damaged, is of another type, or names a folder or a kind of file system that is
        not there.
    Retryable
        When a server cannot be reached.
    """
    path = Path(config)
    document = _document(path)
    with explained(str(config)):
        try:
            root = _root(document)
        except ValueError as error:  # pydantic's
            if isinstance(error, BadInput):
                raise
            raise BadInput(f"{config} is a damaged copick configuration: {reason(error)}") from error
    return Project(str(config), tuple(_particles(root, str(config))), root)


def _document(path: Path) -> dict[str, Any]:
    if path.is_dir():
        raise BadInput(f"{path} is a folder, not a copick configuration", f"give the file in it: {path / CONFIG_NAME}")
    if not path.is_file():
        raise BadInput(f"{path} does not exist", _HINT)
    if not is_config(path):
        raise BadInput(f"{path} is no copick configuration", "it needs pickable_objects and an overlay_root")
    document = read_json_file(path, _HINT)
    kind = document.get("config_type") or FILESYSTEM
    if kind not in (FILESYSTEM, PORTAL):
        raise BadInput(
            f"{path} describes a copick project of type {kind}", f"cryogauge opens {FILESYSTEM} and {PORTAL} projects"
        )
    moved = {key: _present(path, str(document[key])) for key in _ROOTS if document.get(key)}
    return document | moved | {"config_type": kind}


def _present(config: Path, root: str) -> str:
    """The root itself, or the folder beside the configuration that it has become when both were moved."""
    local = local_root(root)
    if local is None or local.is_dir():
        return root
    written = Path(root.partition("://")[2] or root)
    beside = config.absolute().parent / (written.name if written.is_absolute() else written)
    if not beside.is_dir():
        return root
    _tell_moved(str(config), root, str(beside))
    return f"local://{beside}"


@functools.cache  # once, however often it is opened
def _tell_moved(config: str, root: str, beside: str) -> None:
    _log.warning("%s names %s, which is gone; %s is taken in its place", config, root, beside)


def local_root(root: str) -> Path | None:
    """The folder that a root on this machine names; ``None`` for one elsewhere."""
    protocol, separator, rest = root.partition("://")
    if "::" in root or (separator and protocol not in ("local", "file")):
        return None
    return Path(rest if separator else root).expanduser().absolute()


def _root(document: dict[str, Any]) -> Any:
    if document["config_type"] == PORTAL:
        with quietly():
            from copick.impl.cryoet_data_portal import CopickConfigCDP, CopickRootCDP

        return CopickRootCDP(CopickConfigCDP(**document))
    with quietly():
        from copick.impl.filesystem import CopickConfigFSSpec, CopickRootFSSpec

    static = local_root(str(document.get("static_root") or ""))
    if document.get("static_root") and static is not None and not static.is_dir():
        raise BadInput(f"its folder {static} does not exist", "mend static_root in the configuration")
    return CopickRootFSSpec(CopickConfigFSSpec(**document))


def _particles(root: Any, config: str) -> Iterator[PickObject]:
    for item in sorted(root.config.pickable_objects, key=lambda item: item.label or 0):
        if not item.is_particle:
            continue
        identifier = item.emdb_id or item.pdb_id or item.identifier or ""
        try:
            weight = float(weight_of(item.name, item.metadata))
            yield PickObject(item.name, int(item.label or 0), float(item.radius or 0.0), weight, identifier)
        except (BadInput, TypeError, ValueError) as error:
            _log.warning("%s: the object %s is left out: %s", config, item.name, error)


def weight_of(name: str, metadata: Any) -> Any:
    """What an object counts in a challenge, as given: its metadata's ``weight``, else the CZII challenge's, else 1."""
    given = metadata.get("weight") if isinstance(metadata, dict) else None
    return {each.name: each.weight for each in CZII_OBJECTS}.get(name, 1.0) if given is None else given


def run_names(project: Project) -> list[str]:
    """The names of all runs, sorted; of a portal's project, the numbers of its runs."""
    return list(runs_of(project))


def find_run(project: Project, name: str) -> Any:
    """One run as copick has it; see ``runs_of``."""
    return runs_of(project, [name])[name]


def runs_of(project: Project, names: Iterable[str] | None = None) -> dict[str, Any]:
    """Runs as copick has them and as they are on disk now, sorted by name; all by default.

    Raises
    ------
    BadInput
        When there is no run of one of the names.
    """
    with explained(project.config):
        found = {str(run.name): run for run in sorted(project.root.query(), key=lambda run: str(run.name))}
    wanted = found.keys() if names is None else set(names)
    missing = wanted - found.keys()
    if missing:
        raise BadInput(f"{project.config} has no run {some(missing)}", f"its runs are {some(found)}")
    return {name: run for name, run in found.items() if name in wanted}


def layers(run: Any) -> list[tuple[Any, str]]:
    """File system and path of a run in each root that holds files of its own: the overlay, then the static one."""
    found = [(run.fs_overlay, run.overlay_path)]
    if hasattr(run, "static_path") and not run.static_is_overlay:
        found.append((run.fs_static, run.static_path))
    return found


def check_id(what: str, value: str) -> str:
    """A name as copick takes it for users, sessions, objects and kinds of tomograms.

    Raises
    ------
    BadInput
        When copick would change it.
    """
    with quietly():
        from copick.util.escape import sanitize_name

    try:
        kept = sanitize_name(value, suppress_warnings=True)
    except ValueError:
        kept = ""
    if not kept or kept != value or value.startswith("."):
        raise BadInput(
            f"{value!r} cannot be the {what}: copick takes no underscores, spaces, slashes or signs such as : * ?",
            f"write {kept.lstrip('.')}" if kept.lstrip(".") else "write letters, digits and hyphens",
        )
    return value


def some(names: Iterable[Any], most: int = 8) -> str:
    """The first few of several names, in a sentence."""
    listed = sorted(set(map(str, names)))
    return (", ".join(listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")) or "none"
