"""Tables and report of a dose study."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.io.replace import write_csv
from cryogauge.records import BadInput
from cryogauge.report import Block, Line, line_plot_svg, scatter_plot_svg, write_sheet
from cryogauge.score.dose.advice import (
    LogFit,
    Reached,
    dose_curve,
    dose_that_reaches,
    dose_that_stops_helping,
    fit_log_dose,
)
from cryogauge.score.dose.study import CATEGORY_STEP, SeriesStudy

#: Percentages of the full score that advice is given for.
ADVISED = (90.0, 95.0)


@dataclass(frozen=True)
class Findings:
    """What a study of one or more tilt series comes to.

    Attributes
    ----------
    curve
        Of :func:`cryogauge.score.dose.advice.dose_curve`.
    fit
        None where there are too few doses.
    reached
        The doses that reach the advised percentages.
    stops
        Where more dose no longer helps; only for cumulative parts.
    even_odd_max, even_odd_tomoscore_max
        Largest difference between halves of a slice's score, and of a TomoScore; NaN without halves.
    """

    curve: pd.DataFrame
    fit: LogFit | None
    reached: tuple[Reached, ...]
    stops: Reached | None
    even_odd_max: float
    even_odd_tomoscore_max: float

    def lines(self) -> list[str]:
        """The findings in sentences."""
        said = [f"{reached.percent:g} % of the full score at {reached}" for reached in self.reached]
        if self.stops is not None:
            said.append(f"more dose stops helping at {self.stops}")
        if self.fit is not None:
            fit = self.fit
            said.append(f"{fit.slope:.2f} % a doubling of dose (R² {fit.r_squared:.3f}, p {fit.p_value:.2g})")
        if np.isfinite(self.even_odd_max):
            said.append(
                f"halves differ by at most {self.even_odd_max:.3f} a slice and {self.even_odd_tomoscore_max:.3f} a "
                f"TomoScore (1/6 is {CATEGORY_STEP:.3f})"
            )
        return said


def find(tomograms: pd.DataFrame, pairs: pd.DataFrame) -> Findings:
    """Draw the conclusions from the tables of all series together.

    The advice is for dose given evenly; cumulative parts are judged apart.

    Raises
    ------
    BadInput
        When no series has every dose.
    """
    curve = dose_curve(tomograms)
    spread = curve[curve["kind"] != "cumulative"]
    try:
        fit = fit_log_dose(spread)
    except BadInput:
        fit = None
    cumulative = curve[curve["kind"].isin(["cumulative", "whole"])]
    return Findings(
        curve,
        fit,
        tuple(dose_that_reaches(spread, percent) for percent in ADVISED) if len(spread["level"].unique()) > 1 else (),
        dose_that_stops_helping(cumulative) if (cumulative["kind"] == "cumulative").any() else None,
        float(pairs["slice_difference_max"].max()) if len(pairs) else float("nan"),
        float(pairs["tomoscore_difference"].max()) if len(pairs) else float("nan"),
    )


def write_study(out: Path, studies: list[SeriesStudy], settings: Mapping[str, object]) -> Findings:
    """Write ``dose.csv``, ``pairs.csv``, ``frc.csv``, ``slices.csv`` and ``report.html``; returns the findings.

    Raises
    ------
    BadInput
        As :func:`find`.
    """
    tables = {
        "dose": pd.concat([study.tomograms for study in studies], ignore_index=True),
        "pairs": pd.concat([study.pairs for study in studies], ignore_index=True),
        "frc": pd.concat([study.frc for study in studies], ignore_index=True),
        "slices": pd.concat([study.slices for study in studies], ignore_index=True),
    }
    for name, table in tables.items():
        write_csv(out / f"{name}.csv", table)
    findings = find(tables["dose"], tables["pairs"])
    write_sheet(
        out / "report.html",
        f"How much dose is enough: {len(studies)} tilt series",
        _facts(findings),
        list(_blocks(findings, tables, len(studies))),
        settings=settings,
    )
    return findings


def advice(findings: Findings) -> dict[str, object]:
    """The findings as plain values, for ``--json`` and ``advice.json``."""
    return {
        "reached": [asdict(reached) for reached in findings.reached],
        "stops_helping": None if findings.stops is None else asdict(findings.stops),
        "log2_fit": None if findings.fit is None else asdict(findings.fit),
        "even_odd_max": findings.even_odd_max,
        "even_odd_tomoscore_max": findings.even_odd_tomoscore_max,
    }


def _facts(findings: Findings) -> list[tuple[str, str]]:
    facts = [(str(reached), f"reach {reached.percent:g} % of the full score") for reached in findings.reached]
    if findings.stops is not None:
        facts.append((str(findings.stops), "beyond this, more dose does not help"))
    if findings.fit is not None:
        facts.append((f"{findings.fit.slope:.1f} %", f"a doubling of dose, R² {findings.fit.r_squared:.2f}"))
    if np.isfinite(findings.even_odd_max):
        held = "below" if findings.even_odd_max < CATEGORY_STEP else "NOT below"
        facts.append((f"{findings.even_odd_max:.3f}", f"largest difference of halves, {held} 1/6"))
    return facts


def _blocks(findings: Findings, tables: Mapping[str, pd.DataFrame], series: int):
    yield _dose_block(findings, series)
    if len(tables["pairs"]):
        yield _pairs_block(tables["pairs"])
    if len(tables["frc"]):
        yield _frc_block(tables["frc"])
    columns = ["series", "subset", "dose_e_A2", "tomoscore", "percent", "thickness_nm", "flags"]
    yield Block("Every tomogram", "The same numbers, and more, are in dose.csv.", table=tables["dose"][columns])


def _dose_block(findings: Findings, series: int) -> Block:
    curve = findings.curve
    lines = []
    for kinds, label in (
        (("halves", "even", "whole"), "spread over the exposure"),
        (("cumulative",), "the first part of it"),
    ):
        chosen = curve[curve["kind"].isin(kinds)]
        if set(chosen["kind"]) - {"whole"}:
            mean = chosen.groupby(["kind", "level"], as_index=False).agg(
                dose=("dose_e_A2", "mean"), percent=("percent", "mean"), spread=("percent", "std")
            )
            mean = mean.sort_values("dose")
            lines.append(Line(label, mean["dose"], mean["percent"], mean["spread"].fillna(0.0) if series > 1 else None))
    linear = line_plot_svg(
        lines,
        title="Score against dose",
        x_label="dose, e⁻/Å²",
        y_label="% of full score",
        x_range=(0.0, float(curve["dose_e_A2"].max())),
    )
    parts = curve[~curve["kind"].isin(["whole", "cumulative"])]
    figures = [(linear, "Mean over tilt series; the band is their standard deviation.")]
    if len(parts):
        log = scatter_plot_svg(
            np.log2(parts["dose_e_A2"]),
            parts["percent"],
            title="Score against log₂ of dose",
            x_label="log₂ of dose in e⁻/Å²",
            y_label="% of full score",
            fit=None if findings.fit is None else (findings.fit.slope, findings.fit.intercept),
        )
        said = ""
        if findings.fit is not None:
            fit = findings.fit
            said = f" Through the means: {fit.slope:.2f} % a doubling, R² = {fit.r_squared:.3f}, p = {fit.p_value:.2g}."
        figures.append((log, f"A point is a tilt series at one dose.{said}"))
    return Block(
        "Score against dose",
        "Each part of the dose was reconstructed with the geometry of the whole. All parts carry nearly the damage of "
        "the whole exposure: the advice is about noise, not about damage. In brackets, 95 % intervals of a "
        "bootstrap over tilt series.",
        figures,
    )


def _pairs_block(pairs: pd.DataFrame) -> Block:
    by_level = pairs.groupby("level").agg(
        dose=("dose_e_A2", "mean"), largest=("slice_difference_max", "max"), tomoscore=("tomoscore_difference", "max"),
        median=("slice_difference_median", "median"),
    ).sort_values("dose")  # fmt: skip
    x = np.log2(by_level["dose"])
    plot = line_plot_svg(
        [
            Line("largest of a slice", x, by_level["largest"]),
            Line("largest of a TomoScore", x, by_level["tomoscore"]),
            Line("median of slices", x, by_level["median"]),
            Line("1/6", x, np.full(len(x), CATEGORY_STEP)),
        ],
        title="Difference between halves",
        x_label="log₂ of dose in e⁻/Å²",
        y_label="difference",
        y_range=(0.0, max(0.2, float(by_level["largest"].max()) * 1.05)),
    )
    return Block(
        "Halves against each other",
        "Tomograms of the even and of the odd dose fractions show the same specimen with different noise. People judge "
        "in steps of 1/6; halves that differ by less are told alike.",
        [(plot, "Over all pairs of one dose.")],
    )


def _frc_block(frc: pd.DataFrame) -> Block:
    first = frc[frc["parent"] == ""]
    figures = []
    lines = []
    for place in ("central", "top"):
        rings = first[first["place"] == place]
        mean = rings.groupby("frequency_1_A", as_index=False)["frc"].mean()
        score = rings.groupby("series")[["score_even", "score_odd"]].first().to_numpy().mean()
        lines.append(Line(f"{place}, score {score:.2f}", mean["frequency_1_A"], mean["frc"]))
    figures.append(
        (
            line_plot_svg(lines, title="Fourier ring correlation of even and odd", x_label="frequency, 1/Å",
                          y_label="correlation", y_range=(-0.2, 1.0)),
            "Halves of the whole dose, mean over tilt series, in the specimen's middle and above it.",
        )
    )  # fmt: skip
    return Block(
        "What Fourier rings say",
        "Correlation between halves measures what both hold, smear of structure along the beam and camera patterns "
        "included, and not what can be told apart.",
        figures,
    )
