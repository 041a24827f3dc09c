"""Images of averages from the files they lie in."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cryogauge.io.mrc import map_mrc
from cryogauge.io.tilts.images import base_name, find_below_ancestor
from cryogauge.records import BadInput


def read_stack(path: Path) -> tuple[np.ndarray, float | None]:
    """All images of an MRC stack, float32 ``(image, y, x)``, as a map where they can be, and the header's pixel in Å.

    Raises
    ------
    BadInput
        When there is no such file, or it is damaged.
    """
    try:
        header, data = map_mrc(path)
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist", "copy the images beside their tables") from error
    except PermissionError as error:
        raise BadInput(f"{path} may not be read", "ask its owner for permission") from error
    x, y = header.voxel_A[:2]
    pixel = float(x) if x > 0 and abs(x - y) <= 0.01 * x else None
    return as_float32(data), pixel


def as_float32(data: np.ndarray) -> np.ndarray:
    """The same values as float32 of this machine; a map of such stays a map."""
    return data if data.dtype == np.dtype(np.float32) else np.asarray(data).astype(np.float32)


def listed_images(
    files: Sequence[str], sections: Sequence[int], table: Path, expected: Path | None, *, whole: bool = False
) -> tuple[np.ndarray, float | None]:
    """Images that a table lists by file and section, in its order, and the header's pixel of the first file in Å.

    Parameters
    ----------
    files
        One an image, named from the project's folder.
    sections
        One an image, from 0.
    table
        The file that lists them.
    expected
        The images of its own iteration, for files that were renamed together.
    whole
        Whether a single file must hold as many images as are listed.

    Raises
    ------
    BadInput
        When a file or a section is not there, or the images are of several sizes.
    """
    found = {file: _find(file, table, expected) for file in dict.fromkeys(files)}
    stacks = {file: read_stack(path) for file, path in found.items()}
    first, stated = stacks[files[0]]
    if len(stacks) == 1:
        path = found[files[0]]
        if whole and len(first) != len(files):
            raise BadInput(
                f"{table} lists {len(files)} classes, {path} holds {len(first)} images",
                "give files of one iteration of one job",
            )
        return _take(first, sections, path, table), stated
    images = [
        _take(stacks[file][0], [section], found[file], table)[0] for file, section in zip(files, sections, strict=True)
    ]
    if len({image.shape for image in images}) > 1:
        raise BadInput(f"{table} names images of different sizes", "give one job at a time")
    return np.stack(images), stated


def _find(file: str, table: Path, expected: Path | None) -> Path:
    """Beside the table, where the program wrote both, or below a folder above it."""
    beside = table.parent / base_name(file)
    path = beside if beside.is_file() else find_below_ancestor(file, table.parent) or expected
    if path is None:
        raise BadInput(
            f"{table} names {file}, which is in neither its folder nor below one above", "copy the images beside it"
        )
    return path


def _take(stack: np.ndarray, sections: Sequence[int], path: Path, told_by: Path) -> np.ndarray:
    """Sections of a stack in this order; the stack itself where these are all of it."""
    if len(sections) and max(sections) >= len(stack):
        raise BadInput(
            f"{told_by} names image {max(sections) + 1} of {path}, which holds {len(stack)}",
            "give files of one iteration of one job",
        )
    if list(sections) == list(range(len(stack))):
        return stack
    return stack[np.asarray(sections, dtype=np.intp)]


def check_square(images: np.ndarray, path: Path | str) -> None:
    """Raise ``BadInput`` when images ``(image, y, x)`` are not square, or there is none."""
    if not len(images):
        raise BadInput(f"{path} holds no image", "give a file of class averages")
    if images.shape[1] != images.shape[2]:
        raise BadInput(
            f"{path} holds images of {images.shape[2]} × {images.shape[1]} px; class averages are square",
            "cut or pad them to squares",
        )


def note_not_finite(images: np.ndarray, numbers: np.ndarray, notes: list[str]) -> None:
    """Tell which averages hold values that are no numbers."""
    bad = [int(number) for number, image in zip(numbers, images, strict=True) if not np.isfinite(image).all()]
    if bad:
        shown = ", ".join(map(str, bad[:8])) + (", …" if len(bad) > 8 else "")
        many = "1 average holds" if len(bad) == 1 else f"{len(bad)} averages hold"
        notes.append(f"{many} values that are not numbers: {shown}.")
