"""Stacks without metadata, and folders of pictures: what people keep when they keep only what they saw."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cryogauge.io.classes.images import as_float32, check_square, note_not_finite, read_stack
from cryogauge.io.classes.table import choose_pixel_A, class_table
from cryogauge.io.formats import PICTURE_SUFFIXES
from cryogauge.io.mrc import FORMAT as MRC
from cryogauge.io.named import natural
from cryogauge.io.pictures import read_picture
from cryogauge.io.tiff import FORMAT as TIFF
from cryogauge.io.tiff import open_tiff, stated_pixel_A
from cryogauge.records import BadInput, ClassStack

_UNKNOWN = "A plain stack: resolutions, distribution and numbers of particles are not known."


def open_stack(path: Path, pixel_size_A: float | None) -> ClassStack:
    """Read an MRC or TIFF stack; its images count as classes from 1."""
    if TIFF.recognises(str(path)):
        images, stated = _read_tiff(path)
    elif MRC.recognises(str(path)):
        images, stated = read_stack(path)
    else:
        raise BadInput(
            f"{path} is no file of class averages that cryogauge reads",
            "known are jobs of RELION and cryoSPARC, .cs, .star, .hdf, MRC and TIFF stacks, PNG and JPEG pictures",
        )
    check_square(images, path)
    return _stack(images, {f"The header of {path.name}": stated}, pixel_size_A, str(path))


def open_pictures(paths: Sequence[Path], pixel_size_A: float | None, source: str) -> ClassStack:
    """Read pictures of one size, a class each, counted from 1; ``file`` in the table is a picture's name."""
    pictures = [read_picture(path)[0] for path in paths]
    for path, picture in zip(paths, pictures, strict=True):
        check_square(picture[None], path)
        if picture.shape != pictures[0].shape:
            raise BadInput(
                f"{path} has {picture.shape[0]} px, {paths[0]} has {pictures[0].shape[0]} px",
                "give pictures of one size, a folder a job",
            )
    stack = _stack(np.stack(pictures), {}, pixel_size_A, source)
    return ClassStack(
        stack.images, stack.pixel_size_A, stack.table.assign(file=[path.name for path in paths]), source, "stack",
        stack.notes,
    )  # fmt: skip


def pictures_in(folder: Path) -> list[Path]:
    """Pictures of a folder in the order that people count them."""
    found = (path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file())
    return sorted(found, key=lambda path: natural(path.name))


def _stack(images: np.ndarray, told: dict[str, float | None], pixel_size_A: float | None, source: str) -> ClassStack:
    notes = [_UNKNOWN]
    numbers = np.arange(1, len(images) + 1)
    pixel = choose_pixel_A(pixel_size_A, told, notes, doubt_1=True)
    note_not_finite(images, numbers, notes)
    return ClassStack(images, pixel, class_table(numbers), source, "stack", tuple(notes))


def _read_tiff(path: Path) -> tuple[np.ndarray, float | None]:
    if not path.is_file():
        raise BadInput(f"{path} does not exist", "check the path")
    with open_tiff(path) as file:
        series = file.series[0]
        data = series.asarray()
        if "S" in series.axes or data.ndim > 3 or data.dtype.kind not in "iuf":
            raise BadInput(f"{path} holds no stack of grey images", "save it in grey values, a page a class")
        stated = stated_pixel_A(file)
    return as_float32(data if data.ndim == 3 else data[None]), float(stated[0]) if stated else None
