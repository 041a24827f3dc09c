"""The report's own plots: score against z, its sparkline, and all tomograms on one axis."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from cryogauge.imaging.feature_scale import FEATURE_THRESHOLD, SCORE_KNOTS
from cryogauge.report.svg import Frame, axes, document, number, ticks

#: More points than a curve is wide cannot be seen; what is drawn is then the mean of neighbouring slices.
_CURVE_POINTS = 480
_SPARK_POINTS = 48


def _thin(values: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Means of runs of neighbouring slices, at most ``most`` of them: ``(z of their middles, means)``."""
    run = -(-len(values) // most)
    if run == 1:
        return np.arange(len(values), dtype=float), values
    padded = np.pad(values, (0, -len(values) % run), constant_values=np.nan).reshape(-1, run)
    known = np.isfinite(padded)
    count = known.sum(axis=1)
    means = np.divide(np.where(known, padded, 0).sum(axis=1), count, out=np.full(len(count), np.nan), where=count > 0)
    middles = np.arange(len(means)) * run + (run - 1) / 2
    return np.minimum(middles, len(values) - 1), means


def sparkline_svg(scores: np.ndarray) -> str:
    """Score against z, a word's size, with the line at 0.2.

    Parameters
    ----------
    scores
        Scores 0–1 of shape ``(z,)``.
    """
    x, y = _thin(np.asarray(scores, float), _SPARK_POINTS)
    frame = Frame((0, max(len(scores) - 1, 1)), (0, 1), 96, 22, left=1, right=1, top=1, bottom=1)
    body = (
        f'<path class="band" d="{frame.band(x, np.zeros_like(y), y)}"/>'
        f'<path class="limit" d="M1 {frame.y(FEATURE_THRESHOLD):.1f}H95"/><path class="line" d="{frame.path(x, y)}"/>'
    )
    return document(frame, "score against z", body, classes="spark")


def score_curve_svg(scores: np.ndarray, uncertainty: np.ndarray, marks: Mapping[str, int]) -> str:
    """Score against z with its uncertainty, the line at 0.2 and the smallest feature on the right-hand axis.

    Parameters
    ----------
    scores, uncertainty
        Scores 0–1 and half-widths of their 90 % intervals, of shape ``(z,)``; NaN where unknown.
    marks
        Slices shown as pictures, ``{word: z}``; the word stands at its slice.
    """
    scores, uncertainty = np.asarray(scores, float), np.asarray(uncertainty, float)
    last = len(scores) - 1
    frame = Frame((0, max(last, 1)), (0, 1), height=256, left=40, right=40, top=32)
    (x, y), (_, half) = _thin(scores, _CURVE_POINTS), _thin(uncertainty, _CURVE_POINTS)
    bottom = frame.height - frame.bottom
    parts = [axes(frame, "z (slice)", "", ticks(0, max(last, 1), about=8), (0, 0.2, 0.4, 0.6, 0.8, 1))]
    edge = frame.width - frame.right + 8
    for width_px, score in SCORE_KNOTS[:-1]:
        label = f"{number(width_px)}{'+' if score == FEATURE_THRESHOLD else ''}"
        parts.append(f'<text x="{edge:g}" y="{frame.y(score):.1f}" dy=".35em">{label}</text>')
    # Upright above their axes, where they stay legible however narrow the page.
    parts.append('<text x="8" y="14">score</text>')
    parts.append(f'<text x="{frame.width - 8:g}" y="14" text-anchor="end">smallest feature (px)</text>')
    parts.append(f'<path class="band" d="{frame.band(x, np.clip(y - half, 0, 1), np.clip(y + half, 0, 1))}"/>')
    parts.append(f'<path class="limit" d="M{frame.left:g} {frame.y(FEATURE_THRESHOLD):.1f}H{edge - 8:g}"/>')
    parts.append(f'<path class="line" d="{frame.path(x, y)}"/>')
    if len(scores) == 1:
        parts.append(f'<circle class="dot" cx="{frame.x(0):.1f}" cy="{frame.y(scores[0]):.1f}" r="3.5"/>')
    parts += [_mark(frame, word, z, scores[z]) for word, z in marks.items() if 0 <= z <= last]
    parts.append(f'<path class="cursor" d="M0 {frame.top:g}V{bottom:g}" visibility="hidden"/>')
    # What the script needs to say the score under the pointer.
    data = {
        "left": f"{frame.left:g}",
        "right": f"{frame.width - frame.right:g}",
        "scores": " ".join(f"{value:.2f}" for value in scores),
        "halves": " ".join(f"{value:.2f}" for value in uncertainty),
    }
    attributes = "".join(f' data-{name}="{value}"' for name, value in data.items()) + ' tabindex="0"'
    return document(frame, "score against z", "".join(parts), classes="curve", attributes=attributes)


def _mark(frame: Frame, word: str, z: int, score: float) -> str:
    """A dot on the curve with its word above."""
    if not np.isfinite(score):
        return ""
    px, py = float(frame.x(z)), float(frame.y(score))
    # Near an edge the word leans inwards.
    anchor = "start" if px < frame.left + 30 else "end" if px > frame.width - frame.right - 30 else "middle"
    above = max(py - 9, 26)
    return (
        f'<circle class="mark" cx="{px:.1f}" cy="{py:.1f}" r="4"/>'
        f'<text class="word" x="{px:.1f}" y="{above:.1f}" text-anchor="{anchor}">{escape(word)}</text>'
    )


def score_strip_svg(scores: Sequence[float | None], flagged: Sequence[bool], names: Sequence[str]) -> str:
    """Every tomogram as a dot on the axis of TomoScores, stacked where they crowd; flagged ones as triangles.

    Parameters
    ----------
    scores, flagged, names
        One value a tomogram, in the order of the report's sections: each mark links to its section, ``#t0`` first.
        A score of None stands at 0.
    """
    bins = np.clip(np.round(np.array([score or 0.0 for score in scores]) * 50).astype(int), 0, 50)
    tallest = int(np.bincount(bins, minlength=1).max()) if len(bins) else 1
    radius = min(4.6, 120 / max(tallest, 1) / 2)
    height = max(tallest * 2 * radius + 62, 92)
    frame = Frame((0, 1), (0, 1), height=height, left=20, right=20, top=12, bottom=40)
    base = frame.height - frame.bottom
    parts = [
        f'<path class="axis" d="M{frame.left:g} {base:g}H{frame.width - frame.right:g}"/>',
        f'<path class="limit" d="M{frame.x(FEATURE_THRESHOLD):.1f} {base:g}V{frame.top:g}"/>',
    ]
    for value in (0, 0.2, 0.4, 0.6, 0.8, 1):
        parts.append(f'<text x="{frame.x(value):.1f}" y="{base + 17:g}" text-anchor="middle">{number(value)}</text>')
    parts.append(f'<text x="{frame.width / 2:g}" y="{frame.height - 5:g}" text-anchor="middle">TomoScore</text>')
    stacked: dict[int, int] = {}
    for index, (place, score, flag, name) in enumerate(zip(bins, scores, flagged, names, strict=True)):
        level = stacked.get(int(place), 0)
        stacked[int(place)] = level + 1
        px, py = float(frame.x(place / 50)), base - radius - 2 - level * 2 * radius
        value = "no score" if score is None else f"{score:.2f}"
        title = f"{escape(name)}: {value}{', flagged' if flag else ''}"
        parts.append(f'<a href="#t{index}"><title>{title}</title>{_dot(px, py, radius * 0.86, flag)}</a>')
    return document(frame, "TomoScores of all tomograms", "".join(parts), classes="strip")


def _dot(px: float, py: float, radius: float, flagged: bool) -> str:
    if not flagged:
        return f'<circle class="dot" cx="{px:.1f}" cy="{py:.1f}" r="{radius:.1f}"/>'
    tip, foot, half = py - radius, py + radius * 0.8, radius * 1.1
    return f'<path class="flagged" d="M{px:.1f} {tip:.1f}L{px + half:.1f} {foot:.1f}H{px - half:.1f}Z"/>'
