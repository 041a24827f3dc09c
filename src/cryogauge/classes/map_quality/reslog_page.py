"""The lines of resolution by particles, as tables and a page."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.classes.map_quality.reslog import ResLog, compare_slopes
from cryogauge.io.replace import write_csv
from cryogauge.report import Block, write_sheet
from cryogauge.report.svg import Frame, axes, document, ticks

#: Selections in one plot; more are not told apart.
_IN_A_PLOT = 4


def write_reslog(
    out: Path, table: pd.DataFrame, fits: Sequence[ResLog], notes: Sequence[str], settings: Mapping[str, object]
) -> Path:
    """Write ``reslog.csv``, ``reconstructions.csv``, ``differences.csv`` and ``report.html`` into a folder that exists.

    Parameters
    ----------
    out
        The folder.
    table, fits, notes
        Reconstructions, their lines and what is to be said of them; see ``fit_selections``.
    settings
        What was used.

    Returns
    -------
    pathlib.Path
        The page.
    """
    lines = pd.DataFrame([asdict(fit) for fit in fits])
    differences = compare_slopes(fits)
    for name, each in (("reslog", lines), ("reconstructions", table), ("differences", differences)):
        write_csv(out / f"{name}.csv", each)
    shown = lines[list(_HEADINGS)].rename(columns=_HEADINGS)
    figures = [
        (_plot(table, fits[first : first + _IN_A_PLOT]), "") for first in range(0, len(fits), _IN_A_PLOT)
    ]  # fmt: skip
    blocks = [Block("Resolution by particles", " ".join([_TEXT, *notes]), figures=figures, table=shown)]
    if len(fits) > 1:
        renamed = differences.rename(columns=_DIFFERENCE_HEADINGS)
        blocks.append(Block("Differences of the slopes", _DIFFERENCES, table=renamed))
    blocks.append(Block("Reconstructions", table=table))
    facts = [(f"{fit.b_factor_A2:.0f} Å²" if np.isfinite(fit.b_factor_A2) else "none", _named(fit)) for fit in fits[:6]]
    return write_sheet(out / "report.html", "Resolution by particles", facts, blocks, settings=settings)


_HEADINGS = {
    "selection": "selection", "count": "reconstructions", "b_factor_A2": "B (Å²)", "b_low_A2": "from",
    "b_high_A2": "to", "slope_1_A2": "slope (1/Å²)", "reslog_slope_1_A": "ResLog slope (1/Å)", "r_squared": "r²",
}  # fmt: skip
_DIFFERENCE_HEADINGS = {"difference_1_A2": "difference (1/Å²)", "low_1_A2": "from", "high_1_A2": "to"}
_TEXT = (
    "1/d² of reconstructions from parts of the particles against the logarithm of their number, with the line of least "
    "squares. B = 2 / slope (per natural logarithm), with its 95 % interval by Student's t: lower is better. The "
    "ResLog slope is that of 1/d against the decimal logarithm: higher is better."
)
_DIFFERENCES = (
    "Slope of the first less that of the second, with its 95 % interval by Welch's t: the two differ where it leaves "
    "out 0. Selections share particles, so that their lines are not independent; the interval says nothing of that."
)


def _named(fit: ResLog) -> str:
    return f"B factor, {fit.selection}" if fit.selection else "B factor"


def _plot(table: pd.DataFrame, fits: Sequence[ResLog]) -> str:
    """Points and lines of up to four selections."""
    rows = table[table["selection"].astype(str).isin([fit.selection for fit in fits])]
    x, y = np.log10(rows["particles"].to_numpy(float)), rows["resolution_A"].to_numpy(float) ** -2.0
    frame = Frame(_span(x), _span(y), left=70, top=54)
    parts = [
        axes(frame, "log10 of the particles", "1/d² (1/Å²)", ticks(*frame.x_range), ticks(*frame.y_range, about=5))
    ]
    key = frame.left
    for place, fit in enumerate(fits):
        tone = f" tone{place}" if place else ""
        colour = f"var(--tone{place})" if place else "var(--ink)"
        own = (rows["selection"].astype(str) == fit.selection).to_numpy()
        ends = np.array([x[own].min(), x[own].max()])
        line = fit.intercept_1_A2 + fit.slope_1_A2 * ends * np.log(10.0)
        parts.append(f'<path class="line{tone}" d="{frame.path(ends, line)}"/>')
        for px, py in zip(frame.x(x[own]), frame.y(y[own]), strict=True):
            parts.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="4" style="fill:{colour}"/>')
        parts.append(f'<path class="line{tone}" d="M{key:g} 38h24"/><text x="{key + 30:g}" y="42">')
        parts.append(f"{escape(fit.selection)}</text>")
        key += 52 + 6.5 * len(fit.selection)
    return document(frame, "resolution by particles", "".join(parts))


def _span(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = 0.06 * (high - low) or 0.1 * abs(high)
    return low - margin, high + margin
