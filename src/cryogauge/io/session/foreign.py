"""Files from elsewhere: nothing larger than its kind, nothing outside the folder, nothing expanded."""

from pathlib import Path, PureWindowsPath
from typing import Any
from xml.etree import ElementTree

import yaml

from cryogauge.records import BadInput


def read_small(path: Path, largest: int, what: str) -> bytes:
    """A file as a whole; raises ``BadInput`` when it cannot be read or is larger than its kind can be."""
    try:
        size = path.stat().st_size
        if size > largest:
            raise BadInput(f"{path} has {size} bytes, more than {what} can have", "give another file")
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {(error.strerror or 'refused').lower()}", "check the path") from error


def inside(folder: Path, file: str) -> Path | None:
    """A file named from a folder, or ``None`` where the name or a link leads out of it."""
    parts = PureWindowsPath(file)  # knows both kinds of separators, and drives
    if not file or "\0" in file or parts.is_absolute() or parts.drive or parts.root or ".." in parts.parts:
        return None
    path = folder / file
    return path if path.resolve().is_relative_to(folder.resolve()) else None


def parse_xml(raw: bytes, path: Path) -> ElementTree.Element:
    """XML without document types: nothing is expanded, nothing fetched; raises ``BadInput``."""
    if any("<!DOCTYPE".encode(encoding) in raw for encoding in ("ascii", "utf-16-le", "utf-16-be")):
        raise BadInput(f"{path} declares a document type", "no microscope program does; it is not read")
    try:
        return ElementTree.fromstring(raw)
    except (ElementTree.ParseError, LookupError, ValueError) as error:  # an encoding unknown, or that lies
        raise BadInput(f"{path} is no XML, or damaged: {error}", "copy it again") from error


def read_yaml(path: Path, largest: int, what: str) -> Any:
    """YAML of plain values, without aliases, which can grow without bounds; raises ``BadInput``."""
    try:
        return yaml.load(read_small(path, largest, what), Loader=_NoAliases)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise BadInput(f"{path} is no YAML: {str(error).partition(chr(10))[0]:.200}", "export it again") from error


class _NoAliases(yaml.SafeLoader):
    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it has aliases, which no microscope program writes")
        return super().compose_node(parent, index)
