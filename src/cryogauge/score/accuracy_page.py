"""Tables and report of a comparison with labels, and the paper's sheet of curves."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.io.replace import replacing, write_csv
from cryogauge.report import Block, Line, line_plot_svg, scatter_plot_svg, write_sheet
from cryogauge.score.accuracy import (
    Compared,
    accuracy_table,
    confusion,
    coverage,
    figures,
    ransac_line,
    slice_table,
)
from cryogauge.score.labels.categories import CATEGORIES

#: Curves beside each other on the sheet, and the edge of one, in the SVG's units.
_COLUMNS, _WIDTH, _HEIGHT = 3, 640, 300


def write_accuracy(out: Path, compared: Sequence[Compared], settings: Mapping[str, object]) -> dict[str, float]:
    """Write the comparison into a folder; returns the findings of :func:`cryogauge.score.accuracy.figures`.

    ``tomograms.csv``, ``slices.csv``, ``confusion.csv``, ``coverage.csv``, ``curves.svg`` and ``report.html``.
    """
    tomograms, slices = accuracy_table(compared), slice_table(compared)
    counts, covered = _named(confusion(slices)), coverage(slices)
    tables = {"tomograms": tomograms, "slices": slices, "confusion": counts, "coverage": covered}
    for name, table in tables.items():
        write_csv(out / f"{name}.csv", table)
    with replacing(out / "curves.svg") as temporary:
        temporary.write_text(curve_sheet(compared), encoding="utf-8")
    found = figures(compared)
    write_sheet(
        out / "report.html",
        f"Scores against labels: {len(compared)} tomogram{'' if len(compared) == 1 else 's'}",
        _facts(found),
        [
            Block(
                "Score and label over z",
                "The label is smoothed along z by σ = 3 slices, as in the paper; between labelled slices it is a "
                "straight line. The band is the network's 90 % interval.",
                [(_curve(one), "") for one in compared],
            ),
            Block("Tomogram by tomogram", "The same numbers are in tomograms.csv.", table=tomograms),
            _thickness_block(tomograms, found),
            Block(
                "Categories",
                "Rows are the labels, columns the category that the score is nearest to; slices are counted.",
                table=counts,
            ),
            _coverage_block(covered),
        ],
        settings=settings,
    )
    return found


def curve_sheet(compared: Sequence[Compared]) -> str:
    """Score and label over z of every tomogram, side by side, as the text of an SVG file."""
    rows = -(-len(compared) // _COLUMNS)
    parts = []
    for place, one in enumerate(compared):
        row, column = divmod(place, _COLUMNS)
        where = f'<svg x="{column * _WIDTH}" y="{row * _HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"'
        parts.append(_curve(one).replace("<svg", where, 1))
    size = f'viewBox="0 0 {min(_COLUMNS, len(compared)) * _WIDTH} {rows * _HEIGHT}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(parts)}</svg>'


def _curve(one: Compared) -> str:
    r = "labels too flat for r" if np.isnan(one.pearson) else f"r = {one.pearson:.3f}"
    return line_plot_svg(
        [
            Line("score", np.arange(len(one.score)), one.score, one.uncertainty),
            Line("label", one.z, one.smooth_label),
        ],
        title=f"{one.name}: {r}",
        x_label="z (slice)",
        y_label="score",
        x_range=(0.0, float(max(len(one.score) - 1, 1))),
        y_range=(0.0, 1.0),
    )


def _named(counts: np.ndarray) -> pd.DataFrame:
    names = [each.name for each in CATEGORIES]
    table = pd.DataFrame(counts, columns=names)
    table.insert(0, "label", names)
    return table


def _facts(found: Mapping[str, float]) -> list[tuple[str, str]]:
    facts = [(f"{found['tomograms']:.0f}", "tomograms"), (f"{found['labelled_slices']:.0f}", "labelled slices")]
    for name, what in (
        ("pearson_mean", "mean of Pearson’s r over tomograms"),
        ("abs_error_mean", "mean |score − label|"),
        ("same_category", "in the same category"),
        ("within_one_category", "in the same or the next"),
        ("covered_90", "of labels within the 90 % interval"),
        ("thickness_slope", "slope of thickness, by RANSAC"),
    ):
        if np.isfinite(found[name]):
            facts.append((f"{found[name]:.3f}", what))
    return facts


def _thickness_block(tomograms: pd.DataFrame, found: Mapping[str, float]) -> Block:
    x, y = tomograms["label_thickness_nm"].to_numpy(), tomograms["score_thickness_nm"].to_numpy()
    slope, intercept = ransac_line(x, y)
    plot = scatter_plot_svg(
        x,
        y,
        title="Thickness: slices above 0.2",
        x_label="by the labels, nm",
        y_label="by the network, nm",
        fit=(slope, intercept) if np.isfinite(slope) else None,
        identity=True,
    )
    text = "Slices above 0.2 within the labelled range, counted as in the paper. "
    text += (
        f"The line is RANSAC’s: slope {slope:.3f}, intercept {intercept:.1f} nm."
        if np.isfinite(slope)
        else "There are too few tomograms for a line."
    )
    return Block("Thickness", text, [(plot, "Dashed: equality.")])


def _coverage_block(covered: pd.DataFrame) -> Block:
    if covered.empty:
        return Block("Uncertainty", "This network gives none.")
    plot = line_plot_svg(
        [
            Line("found", covered["probability"], covered["covered"]),
            Line("as it should be", covered["probability"], covered["probability"]),
        ],
        title="Labels within the network’s intervals",
        x_label="probability of the interval",
        y_label="part of the labels",
        y_range=(0.0, 1.0),
    )
    return Block("Uncertainty", "Above the dashed line the network is too modest, below it too sure.", [(plot, "")])
