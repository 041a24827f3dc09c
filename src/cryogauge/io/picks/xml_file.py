"""XML without document types: nothing is expanded, nothing fetched."""

from pathlib import Path
from xml.etree import ElementTree

from cryogauge.io.picks.frame import read_bytes
from cryogauge.records import BadInput


def read_xml(path: Path, roots: tuple[str, ...], whose: str) -> ElementTree.Element:
    """The root of an XML file.

    Parameters
    ----------
    path
        The file.
    roots
        What the root may be called.
    whose
        Program, for the error: ``DeepFinder's``.

    Raises
    ------
    BadInput
        When it is missing, damaged, declares a document type, or is of something else.
    """
    raw = read_bytes(path)
    if b"<!DOCTYPE" in raw or "<!DOCTYPE".encode("utf-16-le") in raw:
        raise BadInput(f"{path} declares a document type, which {whose} never do", "it is not read")
    try:
        root = ElementTree.fromstring(raw)
    except (ElementTree.ParseError, LookupError, ValueError) as error:  # an encoding unknown, or that lies
        raise BadInput(f"{path} is no XML, or damaged: {error}", "copy it again") from error
    if root.tag not in roots:
        raise BadInput(f"{path} is an XML of <{root.tag}>, not {whose} <{roots[0]}>", "name another file")
    return root
