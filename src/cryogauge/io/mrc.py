"""MRC files and their relatives, as memory maps; compressed ones through a scratch file."""

import bz2
import gzip
import logging
import os
import shutil
import tempfile
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np

from cryogauge.io.mrc_header import HEADER_BYTES, MrcHeader, parse_header
from cryogauge.io.replace import no_space_is_retryable
from cryogauge.records import BadInput, Retryable, Volume

_log = logging.getLogger("cryogauge.io")

_PLAIN = (".mrc", ".rec", ".map", ".st", ".ali", ".mrcs")
_COMPRESSIONS = {".gz": gzip.open, ".bz2": bz2.open}
_BLOCK = 4 * 2**20


class MrcFormat:
    """MRC, REC, MAP, ST, ALI, MRCS, and the same under gzip or bzip2."""

    name = "mrc"
    suffixes = (*_PLAIN, *(plain + packed for plain in _PLAIN for packed in _COMPRESSIONS))

    def recognises(self, uri: str) -> bool:
        """By the ending of the name."""
        return uri.lower().endswith(self.suffixes) and "://" not in uri

    def open(self, uri: str, pixel_size_A: float | None, scratch: Path | None) -> Volume:
        """Open as a volume (z, y, x), whatever the order of the axes in the file; see ``VolumeFormat.open``."""
        header, data = map_mrc(Path(uri), scratch)
        if data.shape[0] == 1:
            raise BadInput(f"{uri} is a single image, not a tomogram", "judge single pictures with --slices")
        return Volume(data, header.voxel_size_A(uri, pixel_size_A), header.origin_A, uri)


FORMAT = MrcFormat()


def map_mrc(path: Path, scratch: Path | None = None) -> tuple[MrcHeader, np.memmap]:
    """The header, and the values as a read-only memory map of shape (z, y, x).

    A compressed file is unpacked once into a nameless file in ``scratch``, which vanishes with the map or the
    process, however that ends.

    Raises
    ------
    BadInput
        When the file is damaged, truncated or no MRC file.
    Retryable
        When there is no space to unpack it.
    """
    packed = path.suffix.lower() in _COMPRESSIONS
    with _unpack(path, scratch) if packed else path.open("rb") as file:
        header = parse_header(file.read(HEADER_BYTES), str(path))
        held = file.seek(0, os.SEEK_END)
        if held < header.end:
            raise BadInput(
                f"{path} is truncated: its header promises {header.end:,} bytes, it holds {held:,}",
                "copy or reconstruct it again",
            )
        data = np.memmap(file, header.dtype, "r", header.offset, header.file_shape)
    return header, data.transpose(header.order)


def _unpack(path: Path, scratch: Path | None) -> BinaryIO:
    """The unpacked file, as far as its header says it goes, at its start."""
    folder = Path(scratch or tempfile.gettempdir())
    try:
        with ExitStack() as undo, _COMPRESSIONS[path.suffix.lower()](path, "rb") as packed:
            start = packed.read(HEADER_BYTES)
            header = parse_header(start, str(path))
            _announce(path, header, folder)
            with no_space_is_retryable(folder):
                file = undo.enter_context(tempfile.TemporaryFile(dir=folder))
                file.write(start)
                _copy(packed, file, header.end - len(start))
                packed.read(1)  # where the file ends here, this compares the checksum
                file.seek(0)
            undo.pop_all()
            return file
    except (zlib.error, EOFError) as error:
        raise _not_unpacked(path, error) from error
    except OSError as error:
        if error.errno is not None:  # the system's own; gzip and bz2 raise theirs without a number
            raise
        raise _not_unpacked(path, error) from error


def _not_unpacked(path: Path, error: Exception) -> BadInput:
    return BadInput(f"{path} is damaged or truncated: {str(error).lower().rstrip('.')}", "copy or compress it again")


def _announce(path: Path, header: MrcHeader, folder: Path) -> None:
    """Say how much is unpacked where, and refuse before the disk is full rather than after."""
    if not folder.is_dir():
        raise BadInput(f"the scratch folder {folder} does not exist", "create it or name another")
    _log.info("unpacking %s: %.2f GiB into %s", path, header.end / 2**30, folder)
    if shutil.disk_usage(folder).free < header.end:
        raise Retryable(
            f"no space to unpack {path}: it takes {header.end:,} bytes in {folder}",
            "free some space, set TMPDIR to a larger disk, or unpack it yourself",
        )


def _copy(source: BinaryIO, target: BinaryIO, count: int) -> None:
    """Copy ``count`` bytes or as many as there are."""
    while count > 0 and (block := source.read(min(_BLOCK, count))):
        target.write(block)
        count -= len(block)
