"""AreTomo's ``.aln``, of versions 1 to 3."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryogauge.records import BadInput

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
