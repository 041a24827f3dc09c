"""Slices of a tomogram that lies on a server, without the rest of it."""

import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from cryogauge.io.mrc_write import MrcWriter, mode_for
from cryogauge.records import BadInput, Volume


@dataclass(frozen=True)
class Part:
    """Which part of every tomogram is wanted.

    Attributes
    ----------
    slices
        Number of slices, spread evenly over z; all where a tomogram has fewer.
    whole
        All slices, as a volume that programs which look at neighbouring slices can use.
    crop_px
        Edge of the square about the centre; 0 for no cropping. Smaller tomograms are taken to their edges.

    Raises
    ------
    BadInput
        When a number cannot be.
    """

    slices: int = 40
    whole: bool = False
    crop_px: int = 960

    def __post_init__(self) -> None:
        if self.slices < 1:
            raise BadInput("at least one slice must be taken of a tomogram", "give --slices 40, or --whole")
        if self.crop_px < 0:
            raise BadInput(f"a crop of {self.crop_px} pixels cannot be", "give 960, or 0 for none")


@dataclass(frozen=True)
class Excerpt:
    """The box and slices of one tomogram that a :class:`Part` means.

    Attributes
    ----------
    z
        Indices of the slices, rising.
    y, x
        Rows and columns.
    """

    z: tuple[int, ...]
    y: slice
    x: slice

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape ``(slices, y, x)`` of what is taken."""
        return len(self.z), self.y.stop - self.y.start, self.x.stop - self.x.start


def excerpt_of(shape: tuple[int, int, int], part: Part) -> Excerpt:
    """Where a part lies in a tomogram of shape ``(z, y, x)``: each slice in the middle of its share of z."""
    depth, height, width = shape
    count = depth if part.whole else min(part.slices, depth)
    z = tuple((2 * i + 1) * depth // (2 * count) for i in range(count))
    return Excerpt(z, _centred(height, part.crop_px), _centred(width, part.crop_px))


def chunk_voxels(excerpt: Excerpt, shape: tuple[int, int, int], chunk: tuple[int, int, int]) -> int:
    """Voxels of the chunks that an excerpt cuts; what hangs over the edge of the tomogram counts (Zarr stores it)."""
    layers = len({z // chunk[0] for z in excerpt.z})
    across = [
        math.ceil(min(span.stop, length) / edge) - span.start // edge
        for span, length, edge in zip((excerpt.y, excerpt.x), shape[1:], chunk[1:], strict=True)
    ]
    return layers * math.prod(across) * math.prod(chunk)


def write_excerpt(volume: Volume, excerpt: Excerpt, path: Path, *, stack: bool) -> None:
    """Write an excerpt as MRC in the volume's own type; each chunk is fetched once, no other is.

    Parameters
    ----------
    volume
        As ``open_volume`` returns it.
    excerpt
        What to take.
    path
        The file; it appears when it is whole.
    stack
        Whether the slices are images apart, not a volume.

    Raises
    ------
    BadInput
        When chunks cannot be read, or nothing but one value is in them.
    Retryable
        When the server cannot be reached, or the disk is full.
    """
    mode = mode_for(volume.data.dtype)
    varies = False
    with MrcWriter(path, excerpt.shape, volume.voxel_size_A, mode=mode, stack=stack) as writer:
        for plane in _planes(volume, excerpt, path.parent):
            varies = varies or bool(plane.min() < plane.max())
            writer.append(plane)
        if not varies:  # Zarr takes chunks that are missing for empty ones
            raise BadInput(f"{volume.source} holds one value only, where slices were asked for", "choose another")


def _planes(volume: Volume, excerpt: Excerpt, scratch: Path) -> Iterator[np.ndarray]:
    """The slices in turn. A layer of chunks is gathered row by row in a nameless file: it can be larger than memory."""
    depth, height, _ = getattr(volume.data, "chunk", None) or (1, *volume.shape[1:])
    for _, layer in groupby(excerpt.z, key=lambda z: z // depth):
        z = list(layer)
        with tempfile.TemporaryFile(dir=scratch) as file:
            planes = np.memmap(file, volume.data.dtype, "w+", shape=(len(z), *excerpt.shape[1:]))
            for rows in _pieces(excerpt.y, height):
                box = volume.data[z[0] : z[-1] + 1, rows, excerpt.x]
                planes[:, rows.start - excerpt.y.start : rows.stop - excerpt.y.start] = box[_from(z)]
            yield from planes


def _from(z: Sequence[int]) -> list[int]:
    return [each - z[0] for each in z]


def _pieces(span: slice, edge: int) -> Iterator[slice]:
    """A span cut at the borders of chunks."""
    start = span.start
    while start < span.stop:
        stop = min((start // edge + 1) * edge, span.stop)
        yield slice(start, stop)
        start = stop


def _centred(length: int, crop: int) -> slice:
    size = min(length, crop or length)
    start = (length - size) // 2
    return slice(start, start + size)
