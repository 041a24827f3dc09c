"""What came of an averaging: its files, and a page to look at."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.io import write_mrc, write_picks
from cryogauge.io.replace import replacing
from cryogauge.pick.average.picks import FEWEST, Averaged
from cryogauge.pick.average.shells import CRITERION, STRICT
from cryogauge.report import Block, Failure, Line, line_plot_svg, write_sheet
from cryogauge.report.pictures import data_uri, encode_within

#: Edge of a picture of a slice, what parts two, the size, and the length of the bar.
_EDGE_PX, _GAP_PX, _BYTES, _BAR_A = 300, 6, 40_000, 100.0
#: Resolution, as a part of the radius, that a centred ball of unlike things comes to by itself.
_BALL = 0.6
#: Bins of the plot of scores.
_BINS = 24


def write_average(out: Path, averaged: Averaged, failures: list[Failure], settings: dict[str, object]) -> Path:
    """Write ``average.mrc``, ``half1.mrc``, ``half2.mrc``, ``fsc.csv``, ``particles.csv`` and ``report.html``.

    Parameters
    ----------
    out
        The folder, which exists.
    averaged
        What is written.
    failures
        Tomograms that could not be used.
    settings
        What was used, by its name in words.

    Returns
    -------
    pathlib.Path
        The page.
    """
    halves, voxel = averaged.halves, averaged.voxel_size_A
    write_mrc(out / "average.mrc", halves.average, voxel)
    for number, half in enumerate(halves.halves, 1):
        write_mrc(out / f"half{number}.mrc", half, voxel)
    write_picks(out / "particles.csv", averaged.picks)
    curve = halves.correlation
    names = ("frequency_1_A", "unmasked", "masked", "random", "corrected", "noise_sd")
    with replacing(out / "fsc.csv") as temporary:
        pd.DataFrame({name: getattr(curve, name) for name in names}).to_csv(temporary, index=False)
    return _write_page(out / "report.html", averaged, failures, settings)


def verdict(averaged: Averaged) -> str:
    """In a sentence, whether the picks average to something."""
    if averaged.count < FEWEST:
        return f"{averaged.count} particles are too few: what their halves agree on means nothing below {FEWEST}."
    found, radius = averaged.resolution_A, averaged.order.radius_A
    if not np.isfinite(found):
        return "The halves agree on nothing: these picks do not average to one thing."
    if found > _BALL * radius:
        return "The halves agree on little more than a ball of about the right size: perhaps not one thing."
    return f"The halves agree to {found:.0f} Å: these picks average to something."


def _write_page(path: Path, averaged: Averaged, failures: list[Failure], settings: dict[str, object]) -> Path:
    halves, picks = averaged.halves, averaged.picks
    blocks = []
    if failures:
        table = pd.DataFrame([(each.tomogram, each.message) for each in failures], columns=["tomogram", "why"])
        blocks.append(Block("Not used", table=table))
    middle = len(halves.average) // 2
    box = halves.average
    planes = [("xy", box[middle]), ("xz", box[:, middle]), ("yz", box[:, :, middle].T)]
    sides = [(f"half {number}", half[middle]) for number, half in enumerate(halves.halves, 1)]
    figures = [
        (_slices_svg(planes, averaged.voxel_size_A), "The average"),
        (_slices_svg(sides, averaged.voxel_size_A), "Its halves as they are, xy"),
    ]
    text = (
        f"{verdict(averaged)} Slices through the middle, protein bright; the bar is {_BAR_A / 10:.0f} nm. "
        "The average is filtered by what its halves agree on."
    )
    blocks.append(Block("Average", text, figures=figures))
    blocks.append(Block("What the halves agree on", _SHELLS, figures=[(_curve_svg(averaged), "")]))
    blocks.append(Block("Scores", _SCORES, figures=[(_scores_svg(picks), "")]))
    groups = picks.groupby("tomogram", sort=True)
    table = pd.DataFrame(
        {
            "tomogram": list(groups.groups),
            "aligned": groups.size().to_numpy(),
            "averaged": groups["averaged"].sum().to_numpy(),
            "mean score": groups["score"].mean().to_numpy(),
            "mean shift (Å)": groups["shift_A"].mean().to_numpy(),
            "tilts to ± (°)": [averaged.tilt_ranges_deg[str(name)] for name in groups.groups],
        }
    )
    blocks.append(Block("Tomograms", _left_out(averaged), table=table))
    facts = [
        (_in_A(averaged.resolution_A), f"resolution at {CRITERION}"),
        (_in_A(halves.correlation.resolution_A(STRICT)) if averaged.count >= FEWEST else "–", f"at {STRICT:g}"),
        (str(averaged.count), "particles averaged"),
    ]
    return write_sheet(path, f"Average of {averaged.order.object_name}", facts, blocks, settings=settings)


_SHELLS = (
    "Fourier shell correlation of two halves that were aligned each against its own average: under the mask and "
    "corrected for what the mask makes of noise, with the line at 0.143 at which resolution is read. The band is twice "
    "the standard deviation that noise alone has."
)
_SCORES = (
    "Correlation of each particle with its half's average, over what its tilt series measured. Picks of something else "
    "tend to the left; particles.csv holds the scores."
)


def _in_A(value: float) -> str:
    return f"{value:.0f} Å" if np.isfinite(value) else "none"


def _left_out(averaged: Averaged) -> str:
    cut = len(averaged.picks) - averaged.count
    parts = [f"{cut} particles are cut by the tomogram's border: aligned, not averaged."] if cut else []
    if averaged.outside:
        parts.append(f"{averaged.outside} picks lie outside their tomogram.")
    if averaged.flat:
        parts.append(f"{averaged.flat} picks lie where there is one grey value or no number.")
    return " ".join(parts)


def _curve_svg(averaged: Averaged) -> str:
    curve = averaged.halves.correlation
    ends = [curve.frequency_1_A[0], curve.frequency_1_A[-1]]
    lines = [
        Line(
            "corrected", curve.frequency_1_A, curve.corrected, np.where(curve.noise_sd > 0, 2 * curve.noise_sd, np.nan)
        ),
        Line("under the mask", curve.frequency_1_A, curve.masked),
        Line("without a mask", curve.frequency_1_A, curve.unmasked),
        Line("0.143", ends, [CRITERION, CRITERION]),
    ]
    return line_plot_svg(
        lines, title="Fourier shell correlation of the halves", x_label="frequency (1/Å)", y_label="correlation",
        y_range=(-0.2, 1.05),
    )  # fmt: skip


def _scores_svg(picks: pd.DataFrame) -> str:
    scores = picks["score"].to_numpy(float)
    edges = np.linspace(min(float(scores.min()), 0.0), max(float(scores.max()), 0.01), _BINS + 1)
    counts, _ = np.histogram(scores, edges)
    outline = np.pad(np.repeat(counts, 2), 1)  # the first and the last bar are closed
    return line_plot_svg(
        [Line("particles", np.repeat(edges, 2), outline)], title="Scores of the particles", x_label="score",
        y_label="particles", y_range=(0, 1.1 * max(int(counts.max()), 1)),
    )  # fmt: skip


def _slices_svg(planes: Sequence[tuple[str, NDArray[np.floating]]], voxel_size_A: float) -> str:
    """Slices side by side, each with its name and a bar of :data:`_BAR_A`."""
    from PIL import Image

    parts = []
    for place, (name, plane) in enumerate(planes):
        low, high = np.quantile(plane, [0.01, 0.995])
        grey = (255 * np.clip((plane - low) / max(float(high - low), 1e-12), 0, 1)).astype(np.uint8)
        large = np.asarray(Image.fromarray(grey).resize((_EDGE_PX, _EDGE_PX), Image.Resampling.BICUBIC))
        bar = _BAR_A / (len(plane) * voxel_size_A) * _EDGE_PX
        x = place * (_EDGE_PX + _GAP_PX)
        parts.append(
            f'<image href="{data_uri("jpeg", encode_within(large, _BYTES))}" x="{x}" width="{_EDGE_PX}" '
            f'height="{_EDGE_PX}"/><rect x="{x + 12}" y="{_EDGE_PX - 18}" width="{bar:.1f}" height="6" fill="#fff" '
            f'stroke="#000"/><text x="{x + 12}" y="28" font-size="22" fill="#fff" stroke="#000" stroke-width="4" '
            f'paint-order="stroke" font-family="system-ui,sans-serif">{name}</text>'
        )
    width = len(planes) * (_EDGE_PX + _GAP_PX) - _GAP_PX
    return (
        f'<svg viewBox="0 0 {width} {_EDGE_PX}" role="img" aria-label="slices" xmlns="http://www.w3.org/2000/svg">'
        f"{''.join(parts)}</svg>"
    )
