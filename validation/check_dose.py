"""The paper's dose study on simulated platelets: 400 e⁻/Å² in 152 fractions, ±50° in steps of 2°, 13.26 Å a pixel."""

from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.score.dose.batch import load_study
from cryogauge.score.dose.page import write_study
from cryogauge.score.dose.plan import WHOLE, halvings, parts
from cryogauge.score.dose.split import Exposures, Reconstruction, split_tomograms
from cryogauge.score.dose.study import SeriesStudy, study_series
from cryogauge.score.quality import available_threads, load_quality, shipped_weights
from cryogauge.simulate.acquire import Imaging, combine, expose
from cryogauge.simulate.specimens import SlabShape, make_specimen
from validation.held_out import PACKAGE, WORK, digest

FIGURES = (
    "dose_log2_r2", "dose_even_odd_max", "dose_even_odd_tomoscore_max", "dose_largest_fall", "dose_90pct_range_e_A2",
    "dose_95pct_range_e_A2",
)  # fmt: skip
SERIES, HALVINGS, EVEN_DOSES_e_A2, TOTAL_e_A2 = 10, 5, (16.0, 32.0, 64.0, 128.0, 256.0), 400.0
_SHAPE, _PIXEL_A = (192, 224, 224), 13.26


def run(small: bool = False) -> dict[str, float | str]:
    """Measure the figures; each series is kept in ``work/`` when it is done. A quick try halves twice only."""
    subsets = [WHOLE, *halvings(2 if small else HALVINGS), *parts("even", EVEN_DOSES_e_A2, TOTAL_e_A2)]
    weights = shipped_weights("compact")
    made_by = digest([Path(__file__), weights, *(PACKAGE / "score" / "dose").glob("*.py")])
    folder = WORK / f"dose-{made_by}{'-small' if small else ''}"
    studies = []
    for seed in range(2 if small else SERIES):
        kept = folder / f"{seed:02d}"
        if not (kept / "slices.csv").exists():
            print(f"   platelet {seed + 1}", flush=True)
            quality = load_quality("compact", weights, threads=available_threads())
            how = Reconstruction(None, _SHAPE[0] * _PIXEL_A / 10, register=False)
            _keep(study_series(f"platelet {seed + 1}", split_tomograms(_exposures(seed), subsets, how), quality), kept)
        studies.append(load_study(kept))
    findings = write_study(folder, studies, {"model": "compact"})
    mean = _mean(studies)
    r2 = findings.fit.r_squared if findings.fit else np.nan
    for line in findings.lines():
        print(f"   {line}")
    return {
        "dose_log2_r2": r2,
        "dose_even_odd_max": findings.even_odd_max,
        "dose_even_odd_tomoscore_max": findings.even_odd_tomoscore_max,
        "dose_largest_fall": float(max(0.0, -np.diff(mean).min())),
        "dose_90pct_range_e_A2": str(findings.reached[0]).removesuffix(" e⁻/Å²"),
        "dose_95pct_range_e_A2": str(findings.reached[1]).removesuffix(" e⁻/Å²"),
    }


def _exposures(seed: int) -> Exposures:
    """A platelet 120–200 nm thick, recorded as the paper did: unidirectional, 10–15 µm underfocus."""
    rng = np.random.default_rng(1000 + seed)
    specimen = make_specimen(
        "platelet", _SHAPE, _PIXEL_A, float(rng.uniform(120, 200)), 500 + seed, slab=SlabShape(rng.uniform(0, 4))
    )
    imaging = Imaging(
        dose_e_A2=TOTAL_e_A2, tilt_range_deg=50, tilt_step_deg=2, schedule="unidirectional", frames=152, damage=False,
        defocus_A=float(rng.uniform(1e5, 1.5e5)), shift_sd_A=float(rng.uniform(3, 10)),
        contrast_factor=float(rng.uniform(0.3, 0.5)), detector_binning=4.0,
    )  # fmt: skip
    fractions = expose(specimen, imaging, seed, frames=True)
    assert isinstance(fractions, list)
    series = combine(fractions)
    movies = [np.stack([part.images[k] for part in fractions]) for k in range(len(series.table))]
    return Exposures(series, movies)


def _keep(study: SeriesStudy, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("tomograms", "pairs", "frc", "slices"):
        getattr(study, name).to_csv(folder / f"{name}.csv", index=False)


def _mean(studies: list[SeriesStudy]) -> np.ndarray:
    """Mean TomoScore over series by rising dose."""
    table = pd.concat([study.tomograms for study in studies])
    means = table.groupby(["kind", "level"])[["dose_e_A2", "tomoscore"]].mean().sort_values("dose_e_A2")
    return means["tomoscore"].to_numpy()
