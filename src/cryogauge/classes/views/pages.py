"""Pictures of the pages on views: averages side by side, and the sphere of directions."""

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from cryogauge.report.pictures import data_uri, encode_within, grey_levels, heat_colours

_PICTURE_PX, _PICTURE_BYTES = 110, 6_000
#: Pictures in a row, and letters that a word under one may have.
_COLUMNS, _WORD = 4, 19
_SPHERE_PX = 300
#: Density at which the colours end, in units of its mean.
_FULL = 3.0


def pictures_in_rows(images: Iterable[NDArray[np.floating]], words: Sequence[str]) -> list[tuple[str, str]]:
    """Figures for a block of a page: pictures ``(y, x)``, four in a row, with a word under each."""
    shown = list(zip(images, words, strict=True))
    return [(_row(shown[first : first + _COLUMNS]), "") for first in range(0, len(shown), _COLUMNS)]


def pairs_in_rows(
    left: Iterable[NDArray[np.floating]],
    right: Iterable[NDArray[np.floating]],
    left_words: Sequence[str],
    right_words: Sequence[str],
) -> list[tuple[str, str]]:
    """Figures for a block of a page: two pairs of pictures in a row, with a word under each picture."""
    pictures = [picture for pair in zip(left, right, strict=True) for picture in pair]
    return pictures_in_rows(pictures, [word for pair in zip(left_words, right_words, strict=True) for word in pair])


def _row(pictures: Sequence[tuple[NDArray[np.floating], str]]) -> str:
    step, height = _PICTURE_PX + 6, _PICTURE_PX + 20
    parts = []
    for place, (picture, word) in enumerate(pictures):
        source = data_uri("jpeg", encode_within(grey_levels(np.asarray(picture, dtype=np.float32)), _PICTURE_BYTES))
        told = word if len(word) <= _WORD else f"{word[: _WORD - 1]}…"
        parts.append(
            f'<image x="{place * step}" y="0" width="{_PICTURE_PX}" height="{_PICTURE_PX}" href="{source}"/>'
            f'<text x="{place * step + _PICTURE_PX / 2:g}" y="{_PICTURE_PX + 14}" text-anchor="middle">'
            f"{escape(told)}</text>"
        )
    label = escape(", ".join(word for _, word in pictures))
    return _svg(_COLUMNS * step - 6, height, label, "".join(parts))


def sphere_svg(
    directions: NDArray[np.floating],
    density: NDArray[np.floating],
    title: str,
    marks: NDArray[np.floating] | None = None,
    shares: NDArray[np.floating] | None = None,
) -> str:
    """The upper half of a sphere, onto which the lower is folded through the middle, in equal-area projection.

    Parameters
    ----------
    directions, density
        Evenly spread, ``(n, 3)`` and ``(n,)``; 1 is the mean.
    title
        What it is of.
    marks, shares
        Directions ``(m, 3)`` that get circles, of area after their shares.
    """
    half = _SPHERE_PX / 2
    colours = heat_colours()
    upper = directions[:, 2] >= 0
    x, y = _flat(directions[upper])
    level = np.clip(density[upper] / _FULL, 0, 1) * 255
    # a little more than what each dot stands for, so that no gaps show
    radius = 1.25 * half * np.sqrt(1.0 / max(int(upper.sum()), 1))
    dots = "".join(
        f'<circle cx="{half + px * (half - 8):.1f}" cy="{half - py * (half - 8):.1f}" r="{radius:.1f}"'
        f' fill="rgb({r},{g},{b})"/>'
        for px, py, (r, g, b) in zip(x, y, colours[level.astype(int)], strict=True)
    )
    circles = ""
    if marks is not None and shares is not None and len(marks):
        mx, my = _flat(np.where(marks[:, 2:] >= 0, marks, -marks))
        sizes = 2.0 + 9.0 * np.sqrt(shares / shares.max())
        circles = "".join(
            f'<circle cx="{half + px * (half - 8):.1f}" cy="{half - py * (half - 8):.1f}" r="{size:.1f}" fill="none"'
            ' stroke="#fff" stroke-width="1.6"/>'
            for px, py, size in zip(mx, my, sizes, strict=True)
        )
    rim = f'<circle cx="{half}" cy="{half}" r="{half - 7}" fill="none" stroke="currentColor"/>'
    bar = "".join(
        f'<rect x="{20 + k * 26}" y="{_SPHERE_PX + 8}" width="26" height="10" fill="rgb({r},{g},{b})"/>'
        for k, (r, g, b) in enumerate(colours[:: 256 // 10][:10])
    )
    words = (
        f'<text x="20" y="{_SPHERE_PX + 34}">0</text>'
        f'<text x="{20 + 260 / _FULL:g}" y="{_SPHERE_PX + 34}" text-anchor="middle">even</text>'
        f'<text x="280" y="{_SPHERE_PX + 34}" text-anchor="end">{_FULL:g} × and more</text>'
    )
    return _svg(_SPHERE_PX, _SPHERE_PX + 40, escape(title), dots + circles + rim + bar + words)


def _flat(directions: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Lambert's projection of the upper half sphere onto the unit disc."""
    scale = 1 / np.sqrt(1 + np.clip(directions[:, 2], 0, 1))
    return directions[:, 0] * scale, directions[:, 1] * scale


def _svg(width: float, height: float, label: str, body: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 {width:g} {height:g}" role="img"'
        f' aria-label="{label}" width="{width:g}">{body}</svg>'
    )
