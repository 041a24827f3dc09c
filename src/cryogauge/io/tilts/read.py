"""One way in for tilt series of every kind."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from cryogauge.io.lazy import LazyArray
from cryogauge.io.tilts.find import find_tilt_series
from cryogauge.io.tilts.mdoc import check_series, parse_mdoc
from cryogauge.io.tilts.movies import read_gain
from cryogauge.io.tilts.relion import SEPARATOR, read_relion
from cryogauge.io.tilts.stack import STACK_SUFFIXES, find_stack, is_sidecar, read_frames_mdoc, read_stack, stack_of
from cryogauge.io.tilts.tomostar import read_tomostar
from cryogauge.io.tilts.warp import read_warp
from cryogauge.io.voxel import check_given
from cryogauge.records import BadInput, TiltSeries


def read_tilt_series(
    path: str | Path,
    *,
    alignment: str | Path | None = None,
    pixel_size_A: float | None = None,
    gain: str | Path | None = None,
) -> TiltSeries:
    """Read a tilt series; the images stay on disk until they are indexed.

    An alignment is taken over as it stands. Where there is none, ``series.alignment`` is empty, the shifts are 0 and
    the axis is the nominal one: for an ``.mdoc`` ``RotationAngle`` less a quarter turn, or the ``Tilt axis angle`` of
    its title where that is missing or differs. Rows follow the images. Values that no file says, of dose and defocus,
    are NaN. Names of the optional columns: ``OPTIONAL_TILT_COLUMNS``, and ``image_even``, ``image_odd``.

    Parameters
    ----------
    path
        A stack (``.st .mrc .mrcs .ali``) with its ``.mdoc``, ``.tlt``, ``.rawtlt``, ``_TLT.txt``, ``.xf``, ``.xtilt``,
        ``tilt.com`` or ``.aln`` beside it; the ``.mdoc`` of a stack, or of frames; a RELION 5 STAR file of a series,
        or ``tomograms.star::NAME``; Warp's XML or ``.tomostar``; a folder that holds one series.
    alignment
        An ``.xf`` or ``.aln`` to take instead of the one beside the stack or the ``.mdoc``.
    pixel_size_A
        Pixel edge in Å, which takes precedence over what the files say.
    gain
        Gain reference of images that were not corrected, such as sums of raw movies; see
        :func:`cryogauge.io.read_gain`. Multiplied into each image when it is read.

    Returns
    -------
    TiltSeries
        Images of shape ``(tilt, y, x)``: a memory map, or an array that reads one image when it is indexed.

    Raises
    ------
    BadInput
        When a file is missing, damaged or of another series; when both ``.xf`` and ``.aln`` lie beside a stack and
        none was chosen; when no file says the tilts, the axis or the pixel size; when a folder holds several series;
        when the gain reference is of another size.
    """
    series = _read(path, alignment, pixel_size_A)
    if gain is None:
        return series
    factor, images = read_gain(gain, series.images.shape[1:]), series.images

    def corrected(z: slice, y: slice, x: slice) -> np.ndarray:
        return np.asarray(images[z, y, x], dtype=np.float32) * factor[y, x]

    return replace(series, images=LazyArray(images.shape, np.dtype(np.float32), corrected))


def _read(path: str | Path, alignment: str | Path | None, pixel_size_A: float | None) -> TiltSeries:
    check_given(pixel_size_A)
    chosen = Path(alignment) if alignment is not None else None
    uri = str(path)
    if SEPARATOR in uri and not Path(uri).exists():
        return _without_choice(read_relion(uri, pixel_size_A), chosen)
    path = Path(path)
    if path.is_dir():
        found = find_tilt_series([uri])
        if len(found) != 1:
            raise BadInput(f"{path} holds {len(found)} tilt series", f"name one, such as {found[0].uri}")
        return _read(found[0].uri, alignment, pixel_size_A)
    if not path.is_file():
        raise BadInput(f"{path} does not exist", "check the path")
    kind = path.suffix.lower()
    if kind == ".star":
        return _without_choice(read_relion(uri, pixel_size_A), chosen)
    if kind == ".xml":
        return _without_choice(read_warp(path, pixel_size_A), chosen)
    if kind == ".tomostar":
        return _without_choice(read_tomostar(path, pixel_size_A), chosen)
    if kind == ".mdoc":
        check_series(parse_mdoc(path))
        stack = find_stack(path)
        return read_stack(stack, chosen, pixel_size_A) if stack else read_frames_mdoc(path, chosen, pixel_size_A)
    if is_sidecar(path):
        stack = stack_of(path)
        return read_stack(stack, chosen or (path if kind in (".aln", ".xf") else None), pixel_size_A)
    if kind in STACK_SUFFIXES:
        return read_stack(path, chosen, pixel_size_A)
    raise BadInput(f"{path} is no tilt series cryogauge reads", "name a stack, an .mdoc, a RELION 5 STAR or Warp's XML")


def _without_choice(series: TiltSeries, alignment: Path | None) -> TiltSeries:
    if alignment is not None:
        raise BadInput(
            f"{series.source} holds its own alignment, so that {alignment} has no place",
            "name the stack to align it by another file",
        )
    return series
