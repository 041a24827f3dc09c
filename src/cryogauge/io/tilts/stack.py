"""A stack of tilt images and what lies beside it: SerialEM's, IMOD's and AreTomo's files."""

from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.io.mrc import map_mrc
from cryogauge.io.tilts.aretomo import TLT_END, read_aln, read_tlt
from cryogauge.io.tilts.images import base_name, each_found, find_beside, stack_files
from cryogauge.io.tilts.imod import find_tilt_com, read_angles, read_xf
from cryogauge.io.tilts.mdoc import Mdoc, check_series, mdoc_table, parse_mdoc
from cryogauge.records import TILT_COLUMNS, BadInput, TiltSeries

#: Endings of stacks, the likelier holder of recorded images first.
STACK_SUFFIXES = (".st", ".mrc", ".mrcs", ".ali")
#: Ends of the names of files that say the tilts of the stack beside them.
TILT_ENDS = (".tlt", ".rawtlt", ".aln", TLT_END)
#: Degrees by which two files' tilts of an image may differ, once their common offset is taken off.
_SAME_TILT_DEG = 5.0
#: Relative difference that rounding in pixel sizes and sizes of images explains.
_SAME_SIZE = 0.02
#: Magnifications this close to 1 are 1.
_NO_MAGNIFICATION = 1e-4


def sidecar(stack: Path, *ends: str) -> Path | None:
    """The first file beside a stack that is named like it but for these endings; ``None`` where there is none."""
    return next((path for end in ends if (path := stack.with_name(stack.stem + end)).is_file()), None)


def is_sidecar(path: Path) -> bool:
    """Whether a file belongs to a stack beside it, by its name."""
    return path.name.lower().endswith((*(end.lower() for end in TILT_ENDS), ".xf"))


def stack_of(path: Path) -> Path:
    """The stack that a file for which :func:`is_sidecar` holds lies beside; raises ``BadInput`` for none."""
    stem = path.name[: -len(TLT_END)] if path.name.lower().endswith(TLT_END.lower()) else path.stem
    found = next((stack for end in STACK_SUFFIXES if (stack := path.with_name(stem + end)).is_file()), None)
    if found is None:
        raise BadInput(f"there is no stack beside {path}", f"it is named {stem}.st or {stem}.mrc")
    return found


def find_mdoc(stack: Path) -> Path | None:
    """The ``.mdoc`` of a stack: ``NAME.st.mdoc``, ``NAME.mdoc``, ``NAME.mrc.mdoc``; ``None`` where there is none."""
    return sidecar(stack, f"{stack.suffix}.mdoc", ".mdoc", ".mrc.mdoc", ".st.mdoc")


def find_stack(mdoc: Path) -> Path | None:
    """The stack that an ``.mdoc`` describes; ``None`` where it does not lie beside it."""
    inner = mdoc.with_suffix("")
    if inner.suffix.lower() in STACK_SUFFIXES and inner.is_file():
        return inner
    stem = inner.stem if inner.suffix.lower() in STACK_SUFFIXES else inner.name
    return next((path for end in STACK_SUFFIXES if (path := mdoc.with_name(stem + end)).is_file()), None)


def read_stack(stack: Path, alignment: Path | None, pixel_size_A: float | None) -> TiltSeries:
    """Read a stack with what lies beside it: SerialEM's, IMOD's and AreTomo's files.

    Tilts are those of the alignment: ``.aln``; ``.tlt``, or where that is missing ``.rawtlt``, ``_TLT.txt``, or the
    ``.mdoc``'s, plus ``OFFSET`` of ``tilt.com``. Doses are the ``.mdoc``'s, or where it says none ``_TLT.txt``'s.
    ``.xtilt`` and ``XAXISTILT`` add up. A stack ``.ali`` has been turned and shifted already: of its ``.xf`` nothing is
    applied. A pixel size in the ``.mdoc`` is scaled by the ratio of the images' sizes, so that binned stacks beside the
    ``.mdoc`` of the recording are read right.
    """
    header, images = map_mrc(stack)
    count, height, width = images.shape
    mdoc_path = find_mdoc(stack)
    mdoc = parse_mdoc(mdoc_path) if mdoc_path else None
    tlt = sidecar(stack, ".tlt", ".rawtlt", TLT_END)
    aln = sidecar(stack, ".aln")
    if not (mdoc or tlt or aln or alignment):
        raise BadInput(
            f"{stack} has nothing beside it that says its tilts: {stack.name}.mdoc, {stack.stem}.tlt, .rawtlt, .aln or "
            f"{stack.stem}{TLT_END}",
            "put one there",
        )
    stated = _stated_pixel(mdoc, (height, width)) if mdoc else None
    pixel = header.voxel_size_A(str(stack), pixel_size_A or stated)
    own = raw_angles(stack, count)
    table = _described(mdoc, stack, count, own)
    if own is not None:
        table["tilt_deg"] = own
    if listed := sidecar(stack, TLT_END):
        acquired = read_tlt(listed, count)
        for name in ("dose_e_A2", "prior_dose_e_A2"):
            table[name] = table[name].fillna(pd.Series(getattr(acquired, name)))
    if stack.suffix.lower() == ".ali" and not alignment:
        table = table.assign(axis_deg=0.0)
        _take_imod(table, stack, count, pixel, None)
        return _series(images, pixel, table, stack, stack)
    source = alignment or _only_alignment(stack)
    if source and source.suffix.lower() == ".aln":
        _take_aln(table, source, count, pixel, width)
    else:
        _take_imod(table, stack, count, pixel, source)
    return _series(images, pixel, table, stack, source)


def read_frames_mdoc(path: Path, alignment: Path | None, pixel_size_A: float | None) -> TiltSeries:
    """Read an ``.mdoc`` whose images are movies of their own: each image is the unaligned sum of its frames.

    The frames are looked for at ``SubFramePath``, beside the ``.mdoc``, beside its folder, and in ``frames``,
    ``Frames``, ``movies`` and ``raw`` there. With an ``.aln``, whose sections are in the order of their tilts, so are
    the images; else they are in the order of the ``.mdoc``.
    """
    mdoc = parse_mdoc(path)
    check_series(mdoc)
    table = mdoc_table(mdoc)
    if "movie" not in table or not all(table["movie"]):
        raise BadInput(f"{path} names no frames, and there is no stack beside it", "put the stack beside it")
    stem = path.with_suffix("") if path.with_suffix("").suffix.lower() in STACK_SUFFIXES else path
    source = alignment or _only_alignment(stem)
    by_aretomo = source is not None and source.suffix.lower() == ".aln"
    if by_aretomo:
        table = table.sort_values("tilt_deg", kind="stable", ignore_index=True)
    movies = each_found(list(table["movie"]), lambda name: find_beside(name, path.parent), path, "movies")
    images, header_A = stack_files(movies)
    pixel = pixel_size_A or _stated_pixel(mdoc, images.shape[1:]) or header_A
    if not pixel:
        raise BadInput(f"{path} does not say its pixel size", "give it with --pixel-size (Å), or pixel_size_A=")
    table["movie"] = [str(movie) for movie in movies]
    table["image"] = [movie.name for movie in movies]
    table["shift_x_A"] = table["shift_y_A"] = 0.0
    if source is not None and by_aretomo:
        _take_aln(table, source, len(table), pixel, images.shape[2])
    else:
        _take_imod(table, stem, len(table), pixel, source)
    return _series(images, pixel, table, path, source)


def _series(images: object, pixel: float, table: pd.DataFrame, path: Path, source: Path | None) -> TiltSeries:
    if not np.isfinite(table["tilt_deg"]).all():
        raise BadInput(f"no file says the tilts of all images of {path}", "put its .rawtlt or .mdoc beside it")
    if not np.isfinite(table["axis_deg"]).all():
        raise BadInput(f"no file says the tilt axis of {path}", "put its .mdoc beside it, or align it (.xf, .aln)")
    extra = [name for name in table.columns if name not in TILT_COLUMNS]
    return TiltSeries(images, pixel, table[[*TILT_COLUMNS, *extra]], str(path), str(source or ""))


def raw_angles(stack: Path, count: int) -> np.ndarray | None:
    """The stack's own tilts in degrees: ``.rawtlt``, or else ``_TLT.txt``, or else ``.tlt``; ``None`` for neither."""
    path = sidecar(stack, ".rawtlt", TLT_END, ".tlt")
    return read_angles(path, count) if path else None


def _described(mdoc: Mdoc | None, stack: Path, count: int, own: np.ndarray | None) -> pd.DataFrame:
    """The ``.mdoc``'s rows in the order of the stack's images, with shifts of 0; NaN for what no file says."""
    blank = pd.DataFrame(np.nan, index=range(count), columns=list(TILT_COLUMNS))
    blank["shift_x_A"] = blank["shift_y_A"] = 0.0
    blank["image"] = [str(i) for i in range(1, count + 1)]
    if mdoc is None:
        return blank
    check_series(mdoc)
    table = mdoc_table(mdoc)
    if len(table) != count:
        raise BadInput(
            f"{stack} has {count} images, its .mdoc {len(table)}",
            "they belong to different series, or images were taken out of the stack",
        )
    table = table.iloc[mdoc_rows(mdoc, own)].reset_index(drop=True)
    if "movie" in table:
        found = [find_beside(name, mdoc.path.parent) for name in table["movie"]]
        table["movie"] = [str(path or base_name(name)) for path, name in zip(found, table["movie"], strict=True)]
    return blank.assign(**{name: table[name] for name in table.columns})


def mdoc_rows(mdoc: Mdoc, own: np.ndarray | None) -> np.ndarray:
    """For each image of a stack its row in ``mdoc_table``, shape ``(image,)``.

    The section with the image's number, unless that contradicts the stack's own tilts: frames are described in the
    order of recording, and often stacked in the order of their tilts; then the section of the same rank in tilt.

    Raises
    ------
    BadInput
        When the tilts are of different series.
    """
    said = mdoc_table(mdoc)["tilt_deg"].to_numpy()
    rows = np.arange(len(said))
    if own is None or _apart(said, own) <= _SAME_TILT_DEG:
        return rows
    rows[np.argsort(own, kind="stable")] = np.argsort(said, kind="stable")
    if _apart(said[rows], own) > _SAME_TILT_DEG:
        raise BadInput(f"{mdoc.path} has other tilts than the list beside it", "they are of different series")
    return rows


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    """The largest difference but for a common one."""
    apart = a - b
    return float(np.abs(apart - np.median(apart)).max())


def _stated_pixel(mdoc: Mdoc, shape: tuple[int, ...]) -> float | None:
    """The ``.mdoc``'s pixel size, scaled to images of this shape ``(y, x)``; ``None`` where it cannot be."""
    pixel, size = mdoc.pixel_size_A, mdoc.image_size
    if pixel is None or size is None:
        return pixel
    for width, height in (size, size[::-1]):  # frames may lie turned against the images
        across, along = width / shape[1], height / shape[0]
        if abs(across / along - 1) < _SAME_SIZE:
            nearest = round(across) if across >= 1 else 1 / round(1 / across)
            return pixel * (nearest if abs(across / nearest - 1) < _SAME_SIZE else across)
    return None


def _only_alignment(stack: Path) -> Path | None:
    both = [path for end in (".xf", ".aln") if (path := sidecar(stack, end))]
    if len(both) == 2:
        raise BadInput(f"{both[0]} and {both[1]} both align {stack.name}", "choose with --alignment, or alignment=")
    return both[0] if both else None


def _take_imod(table: pd.DataFrame, stack: Path, count: int, pixel: float, xf: Path | None) -> None:
    """Put IMOD's refined tilts, turns about x, exclusions and, with ``xf``, its transforms into the table."""
    if refined := sidecar(stack, ".tlt"):
        table["tilt_deg"] = read_angles(refined, count)
    if xf:
        transforms = read_xf(xf, count)
        table["axis_deg"] = transforms.axis_deg
        table["shift_x_A"], table["shift_y_A"] = (transforms.shift_px * pixel).T
        _put_magnification(table, transforms.magnification)
    xtilt = sidecar(stack, ".xtilt")
    turns = read_angles(xtilt, count) if xtilt else np.zeros(count)
    if com := find_tilt_com(stack):
        table["tilt_deg"] += com.offset_deg
        turns = turns + com.xtilt_deg
        if com.excluded:
            if com.excluded[-1] > count:
                raise BadInput(f"{com.path} leaves out view {com.excluded[-1]} of {count}", "it is another stack's")
            table["used"] = ~np.isin(np.arange(1, count + 1), com.excluded)
    if np.any(turns):
        table["xtilt_deg"] = turns


def _take_aln(table: pd.DataFrame, path: Path, count: int, pixel: float, width: int) -> None:
    """Put AreTomo's alignment into the table; images it left out get its median axis and no shift."""
    own = table["tilt_deg"].to_numpy()
    aln = read_aln(path, count, own if np.isfinite(own).all() else None)
    raw_pixel = pixel * width / aln.raw_size[0]
    axis, tilt = np.full(count, float(np.median(aln.axis_deg))), own.copy()
    shift, magnification = np.zeros((count, 2)), np.ones(count)
    for section, angle in aln.dark:
        if 0 <= section < count:
            tilt[section] = angle
    axis[aln.section], tilt[aln.section] = aln.axis_deg, aln.tilt_deg
    shift[aln.section], magnification[aln.section] = aln.shift_px * raw_pixel, aln.magnification
    table["axis_deg"], table["tilt_deg"] = axis, tilt
    table["shift_x_A"], table["shift_y_A"] = shift.T
    _put_magnification(table, magnification)
    if len(aln.section) < count:
        table["used"] = np.isin(np.arange(count), aln.section)


def _put_magnification(table: pd.DataFrame, magnification: np.ndarray) -> None:
    if np.abs(magnification - 1).max() > _NO_MAGNIFICATION:
        table["magnification"] = magnification
