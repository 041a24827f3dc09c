"""IMOD's files beside a stack: ``.tlt``, ``.rawtlt``, ``.xtilt``, ``.xf`` and ``tilt.com``."""

import logging
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryogauge.records import BadInput

_log = logging.getLogger("cryogauge.io")

#: Relative difference between the two stretches of a transform that rounding and fits explain, and that is refused.
_SILENT_STRETCH, _MOST_STRETCH = 0.01, 0.05


@dataclass(frozen=True)
class Transforms:
    """What ``.xf`` says, a value an image.

    Attributes
    ----------
    axis_deg
        Tilt axis, counter-clockwise from +y.
    shift_px
        Displacement (x, y) of the image's content, in pixels, shape ``(image, 2)``.
    magnification
        By which the image is to be enlarged.
    """

    axis_deg: np.ndarray
    shift_px: np.ndarray
    magnification: np.ndarray


@dataclass(frozen=True)
class TiltCom:
    """What a ``tilt.com`` says of the views.

    Attributes
    ----------
    path
        The file.
    excluded
        Views left out, counted from 1.
    offset_deg
        To be added to the tilt angles.
    xtilt_deg
        The specimen's turn about x.
    """

    path: Path
    excluded: tuple[int, ...]
    offset_deg: float
    xtilt_deg: float


def read_angles(path: Path, count: int) -> np.ndarray:
    """Angles in degrees, shape ``(image,)``: the first number of each line.

    A second column, which some programs add for the order or the dose, is passed over.

    Raises
    ------
    BadInput
        When a line does not start with a number, or their number is not ``count``.
    """
    lines = [line.split() for line in _lines(path)]
    try:
        angles = np.array([float(words[0]) for words in lines])
    except ValueError as error:
        raise BadInput(f"{path} is no list of angles: {error}", "it has a number a line") from error
    if len(angles) != count or not np.isfinite(angles).all():
        raise BadInput(
            f"{path} has {np.isfinite(angles).sum()} angles for {count} images", "they belong to different series"
        )
    return angles


def read_xf(path: Path, count: int) -> Transforms:
    """Rotation, shift and magnification of IMOD's transforms from recorded to aligned images.

    A line is A11 A12 A21 A22 DX DY: a pixel at r from the image's centre goes to A r + d, in pixels. By its polar
    decomposition A is a rotation (cos φ, sin φ; −sin φ, cos φ), which brings an axis φ degrees counter-clockwise
    from +y onto +y, times a stretch, whose mean is the magnification. The content's shift is −A⁻¹ d. A stretch that
    differs between its directions by more than 5 % is refused, by more than 1 % is logged.

    Raises
    ------
    BadInput
        When the file does not exist, is no table of transforms, has another number than ``count``, mirrors or
        stretches.
    """
    lines = _lines(path)
    try:
        rows = np.array([[float(word) for word in line.split()] for line in lines])
    except ValueError as error:
        raise BadInput(f"{path} is no table of transforms: {error}", "it has six numbers a line") from error
    if rows.shape != (count, 6):
        raise BadInput(
            f"{path} has a table of {rows.shape}, not a transform of 6 numbers for each of {count} images",
            "it belongs to another stack, or to one without some of the views",
        )
    matrices = rows[:, :4].reshape(-1, 2, 2)
    if not np.isfinite(rows).all() or (np.linalg.det(matrices) <= 0).any():
        raise BadInput(f"{path} has a transform that mirrors or flattens the image", "align the series again")
    left, stretches, right = np.linalg.svd(matrices)
    turns = left @ right
    worst = float((stretches[:, 0] / stretches[:, 1]).max() - 1)
    if worst > _MOST_STRETCH:
        raise BadInput(
            f"{path} stretches images by {worst:.0%} in one direction, which is no rotation and magnification",
            "align without solving for stretch, or give the aligned stack itself (.ali)",
        )
    if worst > _SILENT_STRETCH:
        _log.warning("%s stretches images by up to %.1f %% in one direction, which is left out", path, 100 * worst)
    shifts = -np.linalg.solve(matrices, rows[:, 4:, None])[..., 0]
    angles = np.rad2deg(np.arctan2(turns[:, 0, 1], turns[:, 0, 0]))
    return Transforms(angles, shifts, np.sqrt(stretches.prod(axis=1)))


def find_tilt_com(stack: Path) -> TiltCom | None:
    """The ``tilt.com`` beside a stack, if it names this stack's aligned images; ``None`` otherwise."""
    path = stack.with_name("tilt.com")
    if not path.is_file():
        return None
    words = [line.split(None, 1) for line in _lines(path) if not line.startswith(("#", "$"))]
    entries = [(pair[0].lower(), pair[1].strip() if len(pair) > 1 else "") for pair in words]
    said = dict(entries)
    projections = said.get("inputprojections") or next((key for key, _ in entries), "")
    if re.sub(r"_ali$", "", Path(projections).stem.lower()) != stack.stem.lower():
        return None
    excluded = [view for key, text in entries if key in ("excludelist", "excludelist2") for view in _views(path, text)]
    try:
        offset, xtilt = (float((said.get(key) or "0").split()[0]) for key in ("offset", "xaxistilt"))
    except ValueError as error:
        raise BadInput(f"{path} is damaged: {error}", "write it again with eTomo") from error
    return TiltCom(path, tuple(sorted(set(excluded))), offset, xtilt)


def view_list(views: list[int]) -> str:
    """Views as IMOD lists them: ``1-3,7``, from a rising list counted from 1."""
    runs: list[list[int]] = []
    for view in views:
        if runs and view == runs[-1][1] + 1:
            runs[-1][1] = view
        else:
            runs.append([view, view])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def _views(path: Path, text: str) -> list[int]:
    views: list[int] = []
    for part in re.split(r"[,\s]+", text.strip()):
        if not part:
            continue
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if not match:
            raise BadInput(f"{path} is damaged: {part!r} is no view", "views are listed like 1-3,7")
        views += range(int(match[1]), int(match[2] or match[1]) + 1)
    return views


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist", "check the path") from error
    return [line.strip() for line in lines if line.strip()]
