"""Scores in the order in which they came: the trend of a session."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from cryogauge.report.svg import Frame, axes, document, ticks

#: More points than this cannot be told apart; the last ones are drawn.
_POINTS = 400
_WINDOW = 7


@dataclass(frozen=True)
class TrendPoint:
    """One judged thing.

    Attributes
    ----------
    score
        Its TomoScore, 0–1.
    title
        Shown under the pointer.
    link
        Where it leads.
    flagged
        Whether it calls for a second look.
    """

    score: float
    title: str
    link: str
    flagged: bool = False


def trend_svg(points: Sequence[TrendPoint], limit: float) -> str:
    """TomoScores in their order, with the median of the last seven as a line and a limit, for a page.

    Parameters
    ----------
    points
        In the order in which they came; the last 400 are drawn, under their numbers from the first of all.
    limit
        A score below which scores are low, drawn dashed.
    """
    first = max(len(points) - _POINTS, 0)
    shown = points[first:]
    frame = Frame((first + 0.5, max(len(points), first + 10) + 0.5), (0, 1), width=960, height=220, top=12, left=44)
    whole = [value for value in ticks(*frame.x_range, about=10) if value == int(value)]
    parts = [axes(frame, "in the order of judging", "TomoScore", whole, (0, 0.2, 0.4, 0.6, 0.8, 1))]
    parts.append(f'<path class="limit" d="M{frame.left:g} {frame.y(limit):.1f}H{frame.width - frame.right:g}"/>')
    scores = np.array([point.score for point in points], float)
    medians = [float(np.median(scores[max(i - _WINDOW + 1, 0) : i + 1])) for i in range(first, len(points))]
    numbers = np.arange(first + 1, len(points) + 1)
    parts.append(f'<path class="line" d="{frame.path(numbers, medians)}"/>')
    for number, point in zip(numbers, shown, strict=True):
        px, py = float(frame.x(number)), float(frame.y(point.score))
        newest = " newest" if number == len(points) else ""
        mark = (
            f'<path class="flagged{newest}" d="M{px:.1f} {py - 4.5:.1f}l4.6 8h-9.2z"/>'
            if point.flagged
            else f'<circle class="dot{newest}" cx="{px:.1f}" cy="{py:.1f}" r="4"/>'
        )
        parts.append(f'<a href="{escape(point.link)}"><title>{escape(point.title)}</title>{mark}</a>')
    return document(frame, "TomoScores in the order of judging", "".join(parts), classes="trend")
