"""A map against a model or another map, shell by shell in Fourier space."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.classes.map_quality.inputs import check_same_grid, read_map, read_model
from cryogauge.imaging.model_map import model_map, model_mask
from cryogauge.imaging.shell_correlation import HALVES, REFERENCE, ShellCurve, best_shift_px, shell_curve
from cryogauge.io.replace import replacing, write_csv
from cryogauge.records import BadInput, Volume
from cryogauge.report import Block, Line, line_plot_svg, write_sheet

#: The mask about a model: this far from its atoms, and as soft again.
MASK_A = 5.0
#: In place of a mask's path: the one about the model.
AROUND_MODEL = "model"


@dataclass(frozen=True)
class Agreement:
    """How far a map agrees with something.

    Attributes
    ----------
    curve
        Correlation by shell.
    threshold
        At which resolution is read.
    against
        The other's path.
    halves
        Whether the two are half maps.
    shift_A
        By which the other would have to move along x, y, z to match best.
    notes
        Sentences on what is odd.
    """

    curve: ShellCurve
    threshold: float
    against: str
    halves: bool
    shift_A: tuple[float, float, float]
    notes: tuple[str, ...]

    @property
    def resolution_A(self) -> float:
        """At the threshold; NaN where the two agree on nothing."""
        return self.curve.resolution_A(self.threshold)


def compare_with_model(
    density: Volume,
    model: str | Path,
    *,
    mask: str | Path | None = None,
    threshold: float | None = None,
    simulate_to_A: float | None = None,
) -> Agreement:
    """Correlate a map with the one that a model would give on the same grid.

    Parameters
    ----------
    density
        The map, protein bright; see :func:`~cryogauge.classes.map_quality.inputs.read_map`.
    model
        PDB or mmCIF, in the map's frame; its hydrogens play no part.
    mask
        A map of 0 to 1, or ``"model"`` for what lies within 5 Å of the atoms, softened over 5 Å more.
    threshold
        At which resolution is read; 0.5 by default.
    simulate_to_A
        Gives all atoms one width, as a map of this resolution has; by default their own B factors.

    Raises
    ------
    BadInput
        For files that cannot be read, a mask on another grid, or a model that lies elsewhere.
    """
    atoms, notes = read_model(model, density)
    grid = (density.shape, density.voxel_size_A, density.origin_A)
    expected = model_map(atoms, *grid, resolution_A=simulate_to_A)
    around = mask == AROUND_MODEL
    weights = model_mask(atoms, *grid, radius_A=MASK_A, soft_A=MASK_A) if around else _mask(mask, density)
    wanted = REFERENCE if threshold is None else threshold
    return _compare(density, expected, weights, wanted, str(model), notes, halves=False)


def compare_with_map(
    density: Volume,
    other: Volume,
    *,
    mask: str | Path | None = None,
    threshold: float | None = None,
    halves: bool = False,
) -> Agreement:
    """Correlate two maps on one grid.

    Parameters
    ----------
    density, other
        The maps.
    mask
        A map of 0 to 1.
    threshold
        By default 0.143 for halves, else 0.5.
    halves
        They are independent half maps: what the mask makes of noise is taken off.

    Raises
    ------
    BadInput
        When the grids differ or the mask cannot be read.
    """
    notes = check_same_grid(density, other)
    wanted = threshold if threshold is not None else HALVES if halves else REFERENCE
    return _compare(density, other.data, _mask(mask, density), wanted, other.source, notes, halves=halves)


def write_agreement(out: Path, agreement: Agreement, settings: Mapping[str, object]) -> Path:
    """Write ``fsc.csv``, ``fsc.svg`` and ``report.html`` into a folder that exists; the page."""
    curve = agreement.curve
    table = pd.DataFrame({"frequency_1_A": curve.frequency_1_A, "unmasked": curve.unmasked})
    for name in ("masked", "corrected"):
        if getattr(curve, name) is not None:
            table[name] = getattr(curve, name)
    write_csv(out / "fsc.csv", table)
    plot = _plot(agreement, table)
    with replacing(out / "fsc.svg") as temporary:
        temporary.write_text(plot, encoding="utf-8")
    thresholds = (agreement.threshold, *sorted({REFERENCE, HALVES} - {agreement.threshold}))
    facts = [(in_A(curve.resolution_A(each)), f"at {each:g}") for each in thresholds]
    facts.append((in_A(1 / float(curve.frequency_1_A[-1])), "is the finest that the grid holds"))
    text = " ".join([_WORDS[agreement.halves, curve.masked is not None], *agreement.notes])
    blocks = [Block("Fourier shell correlation", f"{text} Its values are in fsc.csv.", figures=[(plot, "")])]
    title = "Two half maps" if agreement.halves else f"Map against {Path(agreement.against).name}"
    return write_sheet(out / "report.html", title, facts, blocks, settings=settings)


def in_A(value: float) -> str:
    """A resolution as words have it."""
    return f"{value:.2f} Å" if np.isfinite(value) else "none"


_WORDS = {
    (False, False): "Of the map with the other, as they are: what lies outside the particle counts too.",
    (False, True): "Of the map with the other, as they are and under the mask. A mask that both share raises the "
    "correlation somewhat by itself.",
    (True, False): "Of two half maps, as they are.",
    (True, True): "Of two half maps, as they are, under the mask, and corrected for what the mask makes of noise.",
}


def _mask(path: str | Path | None, density: Volume) -> NDArray[np.float32] | None:
    if path is None:
        return None
    if path == AROUND_MODEL:
        raise BadInput("there is no model to make a mask of", "give a mask's file")
    mask = read_map(path, density.voxel_size_A)
    check_same_grid(density, mask)
    if mask.data.min() < -1e-3 or mask.data.max() > 1 + 1e-3:
        raise BadInput(f"{path} is no mask: its values go from {mask.data.min():g} to {mask.data.max():g}, not 0 to 1")
    return mask.data


def _compare(
    density: Volume,
    other: NDArray[np.floating],
    mask: NDArray[np.floating] | None,
    threshold: float,
    against: str,
    notes: list[str],
    *,
    halves: bool,
) -> Agreement:
    if not 0 < threshold < 1:
        raise BadInput(f"a threshold of {threshold:g} is no correlation between 0 and 1", "0.5 and 0.143 are usual")
    curve = shell_curve(density.data, other, density.voxel_size_A, mask=mask, halves=halves)
    z, y, x = best_shift_px(density.data, other)
    shift_A = (x * density.voxel_size_A, y * density.voxel_size_A, z * density.voxel_size_A)
    notes = [*notes, *_doubts(curve, threshold, (x, y, z), shift_A)]
    return Agreement(curve, threshold, against, halves, shift_A, tuple(notes))


def _doubts(
    curve: ShellCurve, threshold: float, shift_px: tuple[int, int, int], shift_A: tuple[float, float, float]
) -> list[str]:
    notes = []
    if max(abs(each) for each in shift_px) > 1:
        told = ", ".join(f"{each:+.1f}" for each in shift_A)
        notes.append(
            f"The other matches best when moved by x, y, z = {told} Å: the two are not aligned, and the correlation "
            "says less than it could."
        )
    if curve.unmasked[1] < 0:
        notes.append("The largest features are opposite: the contrast of one of them is inverted.")
    resolution = curve.resolution_A(threshold)
    if np.isnan(resolution):
        notes.append(f"They nowhere agree by {threshold:g}: another place, orientation, hand, voxel size or molecule.")
    elif curve.best[1:].min() >= threshold:
        notes.append("They agree up to the finest that the grid holds; the resolution is that of the sampling.")
    return notes


def _plot(agreement: Agreement, table: pd.DataFrame) -> str:
    frequency = table["frequency_1_A"].to_numpy()
    ends = [frequency[0], frequency[-1]]
    named = {"corrected": "corrected", "masked": "under the mask", "unmasked": "as they are"}
    lines = [Line(label, frequency, table[name]) for name, label in named.items() if name in table]
    lines.append(Line(f"{agreement.threshold:g}", ends, [agreement.threshold] * 2))
    return line_plot_svg(
        lines, title=f"Fourier shell correlation with {Path(agreement.against).name}", x_label="frequency (1/Å)",
        y_label="correlation", y_range=(min(-0.1, float(table.iloc[:, 1:].min().min()) - 0.05), 1.05),
    )  # fmt: skip
