"""The oracle behaves: its scores rise with dose, and fall with all that spoils a tomogram.

Each sweep changes one condition of otherwise equal simulations and averages over specimens. What it finds goes into
``docs/explanation/oracle.md`` (a table between two marks) and ``oracle.svg``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from cryogauge.imaging import ctf_2d, weighted_back_projection
from cryogauge.imaging.transforms import irfft2, rfft2
from cryogauge.report.svg import Line, line_plot_svg
from cryogauge.simulate import Imaging, Specimen, contrast, expose, judge, make_specimen
from tools.figures import ROOT

FIGURES = ("oracle_order_held", "oracle_empty_max")

PAGE, PLOT = ROOT / "docs/explanation/oracle.md", ROOT / "docs/explanation/oracle.svg"
MARKS = "<!-- measured: make validate ONLY=oracle -->", "<!-- end -->"

_VOXEL_A, _SHAPE, _THICKNESS_NM = 13.5, (80, 160, 160), 60.0
_USUAL = Imaging(dose_e_A2=80.0, defocus_A=30_000.0, contrast_factor=0.4)
#: Pixels fine enough for the transfer function to change sign many times below Nyquist, and a dose to see it by.
_FINE = replace(_USUAL, dose_e_A2=400.0, defocus_A=40_000.0, damage=False)
_FINE_VOXEL_A = 6.0


@dataclass(frozen=True)
class Sweep:
    """One condition, its values from the kindest to the harshest, and the score at a value and seed."""

    what: str
    values: Sequence[float]
    score: Callable[[float, int], float]


@cache
def _specimen(seed: int, voxel_size_A: float = _VOXEL_A, thickness_nm: float = _THICKNESS_NM) -> Specimen:
    nz = max(_SHAPE[0], int(thickness_nm * 10.0 / voxel_size_A) + 24)
    return make_specimen("lamella", (nz, *_SHAPE[1:]), voxel_size_A, thickness_nm, seed=seed, contaminants=False)


def _tomogram(specimen: Specimen, imaging: Imaging, assumed_defocus_A: float | None = None) -> np.ndarray:
    series = expose(specimen, imaging, seed=11)
    assert not isinstance(series, list)
    images = contrast(np.asarray(series.images))
    if assumed_defocus_A is not None:
        shape = (images.shape[1], images.shape[2])
        images = irfft2(rfft2(images) * np.sign(ctf_2d(shape, series.pixel_size_A, assumed_defocus_A)), shape)
    return weighted_back_projection(images, series.table["tilt_deg"], specimen.biology_V.shape)


def _middle(tomogram: np.ndarray, specimen: Specimen) -> float:
    """Mean score of the inner half of the specimen's slices."""
    score = judge(tomogram, specimen.biology_V).score
    centre = float(specimen.top_px.mean() + specimen.bottom_px.mean()) / 2
    reach = float((specimen.top_px - specimen.bottom_px).mean()) / 4
    return float(score[int(np.ceil(centre - reach)) : int(centre + reach) + 1].mean())


def _imaged(seed: int, imaging: Imaging) -> float:
    specimen = _specimen(seed)
    return _middle(_tomogram(specimen, imaging), specimen)


def _thick(thickness_nm: float, seed: int) -> float:
    specimen = _specimen(seed, _VOXEL_A, thickness_nm)
    return _middle(_tomogram(specimen, _USUAL), specimen)


def _misfocused(error_um: float, seed: int) -> float:
    specimen = _specimen(seed, _FINE_VOXEL_A, 30.0)
    return _middle(_tomogram(specimen, _FINE, _FINE.defocus_A + 1e4 * error_um), specimen)


def _low_passed(sigma_px: tuple[float, float, float], seed: int) -> float:
    specimen = _specimen(seed)
    return _middle(gaussian_filter(_tomogram(specimen, _USUAL), sigma_px), specimen)


SWEEPS = (
    Sweep(
        "dose of the series, e⁻/Å²", (320, 160, 80, 40, 20, 10), lambda v, s: _imaged(s, replace(_USUAL, dose_e_A2=v))
    ),
    Sweep("thickness, nm", (75, 150, 250, 350), _thick),
    Sweep(
        "residual shifts, sd in pixels",
        (0, 0.5, 1, 2, 4),
        lambda v, s: _imaged(s, replace(_USUAL, shift_sd_A=v * _VOXEL_A)),
    ),
    Sweep("error of the defocus corrected for, µm", (0, 1, 2, 4), _misfocused),
    Sweep("Gaussian low-pass within slices, σ in pixels", (0, 1, 1.5, 2.5, 4), lambda v, s: _low_passed((0, v, v), s)),
)
#: What takes noise away from slices along with detail along z: reported, and not expected to fall from the start.
UNORDERED = (
    Sweep(
        "largest tilt, degrees (same dose)",
        (66, 54, 42, 30, 18),
        lambda v, s: _imaged(s, replace(_USUAL, tilt_range_deg=v)),
    ),
    Sweep("Gaussian blur along z too, σ in pixels", (0, 1, 1.5, 2.5, 4), lambda v, s: _low_passed((v, v, v), s)),
)


def run(small: bool = False) -> dict[str, float]:
    """Measure; ``small`` takes the ends of each sweep and one specimen, and leaves the page as it is."""
    seeds = (1,) if small else (1, 2, 3)
    rows, steps = [], []
    for sweep in (*SWEEPS, *UNORDERED):
        values = (sweep.values[0], sweep.values[-1]) if small else tuple(sweep.values)
        scores = [float(np.mean([sweep.score(value, seed) for seed in seeds])) for value in values]
        print(f"     {sweep.what}: " + ", ".join(f"{v:g} → {s:.2f}" for v, s in zip(values, scores, strict=True)))
        rows.append((sweep.what, values, scores))
        if sweep in SWEEPS:
            steps += list(np.diff(scores) < 0.0)
    curves, empty = _along_z(), _empty_scores(seeds)
    if not small:
        _write_page(rows, empty)
        PLOT.write_text(_plot(curves))
    return {"oracle_order_held": float(np.mean(steps)), "oracle_empty_max": empty}


def _empty_scores(seeds: Sequence[int]) -> float:
    """Highest score in volumes of ice with gold, frost and carbon, and nothing else."""
    highest = 0.0
    for seed in seeds:
        specimen = make_specimen("empty", _SHAPE, _VOXEL_A, _THICKNESS_NM, seed=seed, contaminants=True)
        highest = max(highest, float(judge(_tomogram(specimen, _USUAL), specimen.biology_V).score.max()))
    return highest


def _along_z() -> dict[str, np.ndarray]:
    specimen = _specimen(1)
    return {
        f"{dose:g} e⁻/Å²": judge(_tomogram(specimen, replace(_USUAL, dose_e_A2=dose)), specimen.biology_V).score
        for dose in (320.0, 80.0, 20.0)
    }


def _plot(curves: dict[str, np.ndarray]) -> str:
    return line_plot_svg(
        [Line(name, np.arange(len(score)), score) for name, score in curves.items()],
        title=f"Oracle of one lamella, {_THICKNESS_NM:g} nm of ice at {_VOXEL_A:g} Å a voxel, by dose",
        x_label="slice",
        y_label="score",
        y_range=(0.0, 1.0),
    )


def _write_page(rows: Sequence[tuple[str, Sequence[float], Sequence[float]]], empty: float, page: Path = PAGE) -> None:
    lines = []
    for what, values, scores in rows:
        cells = [f"| **{what}** | " + " | ".join(f"{v:g}" for v in values) + " |"]
        cells.append("| --- |" + " ---: |" * len(values))
        cells.append("| score | " + " | ".join(f"{s:.2f}" for s in scores) + " |")
        lines += [*cells, ""]
    lines.append(f"Highest score in ice that holds nothing but gold, frost and carbon: {empty:.2f}.")
    text = page.read_text()
    before, _, rest = text.partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    page.write_text(f"{before}{MARKS[0]}\n\n" + "\n".join(lines) + f"\n\n{MARKS[1]}{after}")
