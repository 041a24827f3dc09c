"""AreTomo's ``.aln``, of versions 1 to 3, and the ``_TLT.txt`` of version 3."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryogauge.records import BadInput

#: What AreTomo 3 writes beside the stack that it made.
TLT_END = "_TLT.txt"
#: A tilt beyond this is rubbish, which some versions of AreTomo write.
_MOST_DEG = 180.0
#: Degrees by which refined and recorded tilts may differ, once their common offset is taken off.
_SAME_TILT_DEG = 5.0
_NUMBER = r"(-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)"


@dataclass(frozen=True)
class Aln:
    """The global alignment in an ``.aln``, a value a row.

    Attributes
    ----------
    path
        The file.
    raw_size
        Columns, rows and sections of the stack that was aligned.
    section
        Section of the stack, counted from 0.
    axis_deg, shift_px, magnification, tilt_deg
        ``ROT``; ``TX`` and ``TY`` of shape ``(row, 2)``, the displacement of the image's content in pixels; ``GMAG``;
        ``TILT``.
    dark
        Section and tilt of the images left out.
    """

    path: Path
    raw_size: tuple[int, int, int]
    section: np.ndarray
    axis_deg: np.ndarray
    shift_px: np.ndarray
    magnification: np.ndarray
    tilt_deg: np.ndarray
    dark: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Acquisition:
    """What a ``_TLT.txt`` says, a value an image of the stack.

    Attributes
    ----------
    tilt_deg
        Tilt of the stage.
    dose_e_A2, prior_dose_e_A2
        Exposure of the image and before it; NaN where doses or their order are not stated.
    """

    tilt_deg: np.ndarray
    dose_e_A2: np.ndarray
    prior_dose_e_A2: np.ndarray


def read_tlt(path: Path, count: int) -> Acquisition:
    """Read AreTomo 3's list of tilts, places in the order of recording, and doses of the images.

    As AreTomo 3 itself reads it: a line an image, dark ones included; the second and the third number may be missing.
    It writes a dose of 0 where it knows none.

    Parameters
    ----------
    path
        The ``_TLT.txt``.
    count
        Images in the stack.

    Raises
    ------
    BadInput
        When it does not exist, is of another stack, or holds no such numbers.
    """
    try:
        lines = [line.split() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
        rows = np.array([[float(word) for word in words[:3]] for words in lines if words])
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist", "check the path") from error
    except ValueError as error:
        raise BadInput(
            f"{path} is no list of tilts, order and doses: {error}", "AreTomo 3 writes three numbers a line"
        ) from error
    if len(rows) != count:
        raise BadInput(f"{path} has {len(rows)} lines for {count} images", "they belong to different series")
    if not np.isfinite(rows).all() or (np.abs(rows[:, 0]) > _MOST_DEG).any():
        raise BadInput(f"{path} has a tilt that cannot be", "run AreTomo again")
    unknown = np.full(count, np.nan)
    if rows.shape[1] < 3 or (rows[:, 2] < 0).any() or not rows[:, 2].any():
        return Acquisition(rows[:, 0], unknown, unknown)
    order, dose = np.argsort(rows[:, 1], kind="stable"), rows[:, 2]
    if len(np.unique(rows[:, 1])) != count:
        raise BadInput(f"{path} gives two images one place in the order of recording", "correct its second column")
    prior = np.empty(count)
    prior[order] = np.cumsum(dose[order]) - dose[order]
    return Acquisition(rows[:, 0], dose, prior)


def read_aln(path: Path, count: int, tilt_deg: np.ndarray | None = None) -> Aln:
    """Read the alignment of a stack.

    ``SEC`` counts from 0 in AreTomo 1 and 2 and from 1 in AreTomo 3; which one it is follows from the numbers of the
    rows and the ``DarkFrame`` lines, or where neither end of the stack is among them from ``tilt_deg``. ``TILT``
    includes ``AlphaOffset``; ``BetaOffset`` plays no part in AreTomo's own reconstruction, nor here. The section
    ``Local Alignment`` is passed over: its shifts of patches are about a specimen that bends, which a table of images
    cannot hold.

    Parameters
    ----------
    path
        The ``.aln``.
    count
        Images in the stack.
    tilt_deg
        The stack's own tilts, shape ``(image,)``, where known: rows whose tilt is another image's are refused.

    Raises
    ------
    BadInput
        When the file does not exist, is no ``.aln``, or belongs to another stack.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist", "check the path") from error
    lines = re.split(r"^#\s*Local Alignment", text, maxsplit=1, flags=re.MULTILINE)[0].splitlines()
    comments = [line for line in lines if line.lstrip().startswith("#")]
    try:
        rows = np.array(
            [[float(word) for word in line.split()] for line in lines if line.strip() and line not in comments]
        )
    except ValueError as error:
        raise BadInput(f"{path} is no .aln of AreTomo: {error}", "its rows have ten numbers") from error
    raw = _comment(comments, rf"RawSize\s*=\s*{_NUMBER}\s+{_NUMBER}\s+{_NUMBER}")
    if rows.ndim != 2 or rows.shape[1] != 10 or not raw:
        raise BadInput(f"{path} is no .aln of AreTomo", "it says RawSize, and its rows have ten numbers")
    size = (int(raw[0][0]), int(raw[0][1]), int(raw[0][2]))
    if not (np.isfinite(rows).all() and (np.abs(rows[:, 9]) <= _MOST_DEG).all()):
        raise BadInput(f"{path} has a tilt that cannot be", "run AreTomo again, with another version")
    if size[2] != count:
        raise BadInput(
            f"{path} is of a stack of {size[2]} images, not {count}", "name the stack that AreTomo was given"
        )
    darks = _comment(comments, rf"DarkFrame\s*=\s*{_NUMBER}\s+{_NUMBER}\s+{_NUMBER}")
    dark_sections = [int(second) for _, second, _ in darks]
    sections = rows[:, 0].astype(int)
    first = _counts_from(path, sections, dark_sections, rows[:, 9], count, tilt_deg)
    section = sections - first
    if len(set(section)) != len(section) or section.min() < 0 or section.max() >= count:
        raise BadInput(f"{path} has sections that the stack of {count} images has not", "name the stack it belongs to")
    if tilt_deg is not None and _misfit(rows[:, 9], section, tilt_deg) > _SAME_TILT_DEG:
        raise BadInput(f"{path} has other tilts than the stack's own", "name the stack that AreTomo was given")
    return Aln(
        path,
        size,
        section,
        rows[:, 1],
        rows[:, 3:5],
        rows[:, 2],
        rows[:, 9],
        tuple((second - first, float(tilt)) for second, (_, _, tilt) in zip(dark_sections, darks, strict=True)),
    )


def _comment(comments: list[str], pattern: str) -> list[tuple[str, ...]]:
    return [match.groups() for line in comments if (match := re.match(rf"\s*#\s*{pattern}", line))]


def _misfit(tilts: np.ndarray, section: np.ndarray, own: np.ndarray) -> float:
    """The largest difference to the stack's own tilts but for a common offset, degrees."""
    apart = tilts - own[section]
    return float(np.abs(apart - np.median(apart)).max())


def _counts_from(
    path: Path, rows: np.ndarray, darks: list[int], tilts: np.ndarray, count: int, own: np.ndarray | None
) -> int:
    """0 or 1: with which number the first section goes."""
    low, high = min([*rows, *darks]), max([*rows, *darks])
    if low == 0 or high == count:
        return 0 if low == 0 else 1
    if own is not None:
        return int(np.argmin([_misfit(tilts, rows - first, own) for first in (0, 1)]))
    raise BadInput(
        f"{path} has neither the first nor the last image of the stack, so that its numbers may count from 0 or 1",
        "put the stack's .rawtlt or .mdoc beside it",
    )
