"""Plots as SVG text: no dependency, sharp at any size, dark and light."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike

#: How every plot looks; the report carries it once, a plot on its own inside itself. The hues of the lines are Okabe
#: and Ito's, which colour-blind readers tell apart; dashes say the same without colour.
PLOT_CSS = """
.plot{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
font-variant-numeric:tabular-nums}
.plot text{fill:var(--mute)}
.plot .title{fill:var(--ink);font-weight:600}
.plot path,.plot line{fill:none}
.plot .axis{stroke:var(--mute);stroke-width:1}
.plot .grid{stroke:var(--rule);stroke-width:1}
.plot .line{stroke:var(--ink);stroke-width:1.6;stroke-linejoin:round}
.plot .band{fill:var(--ink);fill-opacity:.14;stroke:none}
.plot .limit{stroke:var(--mute);stroke-width:1;stroke-dasharray:5 4}
.plot .dot{fill:var(--ink);fill-opacity:.62}
.plot .fit{stroke:var(--tone1);stroke-width:2}
.plot .tone1{stroke:var(--tone1);stroke-dasharray:12 4}.plot .tone2{stroke:var(--tone2);stroke-dasharray:5 4}
.plot .tone3{stroke:var(--tone3);stroke-dasharray:2 3}
"""
_ALONE_CSS = """
svg{--paper:#fff;--ink:#1d2327;--mute:#59626b;--rule:#e3e6e8;--tone1:#0072b2;--tone2:#b34d00;--tone3:#00745a}
@media (prefers-color-scheme:dark){svg{--paper:#15181b;--ink:#e4e7e9;--mute:#9aa4ad;--rule:#2c3238;
--tone1:#56b4e9;--tone2:#f0a030;--tone3:#2fc79b}}
.paper{fill:var(--paper)}
"""
_TONES = ("", " tone1", " tone2", " tone3")


@dataclass(frozen=True)
class Line:
    """A curve of :func:`line_plot_svg`.

    Attributes
    ----------
    label
        Its name in the legend.
    x, y
        Its points, of equal length; NaN leaves a gap.
    half_width
        Uncertainty of ``y`` drawn as a band of ± this, of the same length; None for no band.
    """

    label: str
    x: ArrayLike
    y: ArrayLike
    half_width: ArrayLike | None = None


@dataclass(frozen=True)
class Frame:
    """Where values lie in a plot.

    Attributes
    ----------
    x_range, y_range
        Values at the left and right, bottom and top edge of the axes.
    width, height
        Of the whole plot, in the SVG's units.
    left, right, top, bottom
        Margins for labels, in the SVG's units.
    """

    x_range: tuple[float, float]
    y_range: tuple[float, float]
    width: float = 640
    height: float = 300
    left: float = 52
    right: float = 20
    top: float = 34
    bottom: float = 46

    def x(self, values: ArrayLike) -> np.ndarray:
        """Horizontal places of values."""
        low, high = self.x_range
        return self.left + (np.asarray(values, float) - low) / (high - low) * (self.width - self.left - self.right)

    def y(self, values: ArrayLike) -> np.ndarray:
        """Vertical places of values; SVG counts downwards."""
        low, high = self.y_range
        inner = self.height - self.top - self.bottom
        return self.height - self.bottom - (np.asarray(values, float) - low) / (high - low) * inner

    def path(self, x: ArrayLike, y: ArrayLike) -> str:
        """The ``d`` of a polyline through the points, with a gap where one is not finite."""
        parts: list[str] = []
        pen_down = False
        for px, py in zip(self.x(x), self.y(y), strict=True):
            finite = math.isfinite(px) and math.isfinite(py)
            if finite:
                parts.append(f"{'L' if pen_down else 'M'}{px:.1f} {py:.1f}")
            pen_down = finite
        return "".join(parts)

    def band(self, x: ArrayLike, low: ArrayLike, high: ArrayLike) -> str:
        """The ``d`` of the area between two curves; points where either is not finite are left out."""
        x, low, high = (np.asarray(values, float) for values in (x, low, high))
        known = np.isfinite(low) & np.isfinite(high)
        if not known.any():
            return ""
        there, back = self.path(x[known], high[known]), self.path(x[known][::-1], low[known][::-1])
        return f"{there}L{back[1:]}Z"


def ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round values within a range: steps of 1, 2 or 5 times a power of ten, about ``about`` of them, two or more."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    longest = next(factor for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    found: list[float] = []
    for factor in (10, 5, 2, 1, 0.5):
        step = factor * power
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        found = [round(index * step, 12) for index in range(first, last + 1)]
        if factor <= longest and len(found) >= 2:
            break
    return found


def number(value: float) -> str:
    """A tick's label."""
    return f"{value:g}".replace("-", "−")


def axes(frame: Frame, x_label: str, y_label: str, x_ticks: Sequence[float], y_ticks: Sequence[float]) -> str:
    """Grid, axes, ticks and labels of a plot; an empty label is left out."""
    x0, x1 = frame.left, frame.width - frame.right
    y0, y1 = frame.height - frame.bottom, frame.top
    parts = []
    for value, py in zip(y_ticks, frame.y(y_ticks), strict=True):
        parts.append(f'<path class="grid" d="M{x0:g} {py:.1f}H{x1:g}"/>')
        parts.append(f'<text x="{x0 - 8:g}" y="{py:.1f}" text-anchor="end" dy=".35em">{number(value)}</text>')
    for value, px in zip(x_ticks, frame.x(x_ticks), strict=True):
        parts.append(f'<path class="axis" d="M{px:.1f} {y0:g}v4"/>')
        parts.append(f'<text x="{px:.1f}" y="{y0 + 8:g}" text-anchor="middle" dy=".9em">{number(value)}</text>')
    parts.append(f'<path class="axis" d="M{x0:g} {y0:g}H{x1:g}"/>')
    middle = (x0 + x1) / 2
    parts.append(f'<text x="{middle:g}" y="{frame.height - 6:g}" text-anchor="middle">{escape(x_label)}</text>')
    if y_label:
        turned = f"translate(14 {(y0 + y1) / 2:g}) rotate(-90)"
        parts.append(f'<text transform="{turned}" text-anchor="middle">{escape(y_label)}</text>')
    return "".join(parts)


def document(frame: Frame, title: str, body: str, *, classes: str = "", attributes: str = "") -> str:
    """An SVG element for a page that carries ``PLOT_CSS`` and defines its colours."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="plot {classes}" viewBox="0 0 {frame.width:g} {frame.height:g}"'
        f' role="img" aria-label="{escape(title)}"{attributes}>{body}</svg>'
    )


def _alone(frame: Frame, title: str, body: str) -> str:
    """A plot that is a file of its own: with its colours and a paper to lie on."""
    heading = f'<text class="title" x="{frame.left:g}" y="20">{escape(title)}</text>'
    dressed = f'<style>{PLOT_CSS}{_ALONE_CSS}</style><rect class="paper" width="100%" height="100%"/>{heading}{body}'
    return document(frame, title, dressed)


def _span(values: np.ndarray) -> tuple[float, float]:
    """Range of the finite values with a margin, never empty."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    margin = 0.04 * (high - low) or max(abs(high), 1.0) * 0.1
    return low - margin, high + margin


def line_plot_svg(
    lines: Sequence[Line],
    *,
    title: str,
    x_label: str,
    y_label: str,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
) -> str:
    """Curves with a legend, as the text of an SVG file.

    Parameters
    ----------
    lines
        At most four curves: more are not told apart without colour.
    title, x_label, y_label
        Plain text; labels carry the unit.
    x_range, y_range
        Values at the edges of the axes; None for those of the data with a margin.

    Raises
    ------
    ValueError
        For no curve or more than four.
    """
    if not 1 <= len(lines) <= len(_TONES):
        raise ValueError(f"a plot holds 1 to {len(_TONES)} curves, not {len(lines)}")
    all_x = np.concatenate([np.asarray(line.x, float) for line in lines])
    all_y = np.concatenate([np.asarray(line.y, float) for line in lines])
    frame = Frame(x_range or _span(all_x), y_range or _span(all_y), top=34 if len(lines) == 1 else 54)
    parts = [axes(frame, x_label, y_label, ticks(*frame.x_range), ticks(*frame.y_range, about=5))]
    inner = f'width="{frame.width - frame.left - frame.right:g}" height="{frame.height - frame.top - frame.bottom:g}"'
    rect = f'<rect x="{frame.left:g}" y="{frame.top:g}" {inner}/>'
    name = f"inside-{crc32(rect.encode()):08x}"  # plots on one page share names: the same only for the same rectangle
    parts.append(f'<clipPath id="{name}">{rect}</clipPath>')
    inside, key_x = f'clip-path="url(#{name})"', frame.left
    for line, tone in zip(lines, _TONES, strict=False):
        y = np.asarray(line.y, float)
        if line.half_width is not None:
            half = np.asarray(line.half_width, float)
            parts.append(f'<path class="band" {inside} d="{frame.band(line.x, y - half, y + half)}"/>')
        parts.append(f'<path class="line{tone}" {inside} d="{frame.path(line.x, y)}"/>')
        if len(lines) > 1:
            parts.append(f'<path class="line{tone}" d="M{key_x:g} 38h24"/>')
            parts.append(f'<text x="{key_x + 30:g}" y="42">{escape(line.label)}</text>')
            key_x += 52 + 6.5 * len(line.label)
    return _alone(frame, title, "".join(parts))


def scatter_plot_svg(
    x: ArrayLike,
    y: ArrayLike,
    *,
    title: str,
    x_label: str,
    y_label: str,
    fit: tuple[float, float] | None = None,
    identity: bool = False,
) -> str:
    """Points, with a fitted line and the line of equality if asked for, as the text of an SVG file.

    Parameters
    ----------
    x, y
        The points, of equal length; those that are not finite are left out.
    title, x_label, y_label
        Plain text; labels carry the unit.
    fit
        ``(slope, intercept)`` of a line to draw, solid.
    identity
        Draw ``y = x``, dashed, with the same range on both axes.
    """
    x, y = np.asarray(x, float).ravel(), np.asarray(y, float).ravel()
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    both = _span(np.concatenate([x, y]))
    ranges = (both, both) if identity else (_span(x), _span(y))
    side = {"width": 460, "height": 460} if identity else {}
    frame = Frame(*ranges, **side)
    (low, high), (bottom, top) = ranges
    parts = [axes(frame, x_label, y_label, ticks(low, high), ticks(bottom, top))]
    if identity:
        parts.append(f'<path class="limit" d="{frame.path(both, both)}"/>')
    places = zip(frame.x(x), frame.y(y), strict=True)
    parts += [f'<circle class="dot" cx="{px:.1f}" cy="{py:.1f}" r="3"/>' for px, py in places]
    if fit is not None:
        slope, intercept = fit
        ends = _clip_line(slope, intercept, (low, high), (bottom, top))
        parts.append(f'<path class="line fit" d="{frame.path(*ends)}"/>')
    return _alone(frame, title, "".join(parts))


def _clip_line(
    slope: float, intercept: float, x_range: tuple[float, float], y_range: tuple[float, float]
) -> tuple[list[float], list[float]]:
    """Ends ``(x, y)`` of a line's part within a rectangle; no points where it misses it."""
    low, high = x_range
    if slope:
        crossings = sorted((edge - intercept) / slope for edge in y_range)
        low, high = max(low, crossings[0]), min(high, crossings[1])
    elif not y_range[0] <= intercept <= y_range[1]:
        return [], []
    if low > high:
        return [], []
    return [low, high], [slope * low + intercept, slope * high + intercept]
