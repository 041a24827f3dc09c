"""``cryogauge validate fsc``, ``q-score`` and ``reslog``: what the maps from selected particles are worth."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cryogauge.cli.options import PixelSizeOption, make_folder
from cryogauge.cli.terminal import DebugOption, JsonOption, print_json, tell

if TYPE_CHECKING:
    import pandas as pd

    from cryogauge.classes.map_quality.fsc import Agreement
    from cryogauge.records import CryogaugeError

FSC_EXAMPLES = (
    "cryogauge validate fsc map.mrc --model fitted.pdb --out agreement",
    "cryogauge validate fsc map.mrc --model fitted.cif --mask model --out agreement --json",
    "cryogauge validate fsc half1.mrc --other half2.mrc --halves --mask mask.mrc --out agreement",
)
Q_SCORE_EXAMPLES = (
    "cryogauge validate q-score map.mrc fitted.pdb --resolution 3.2 --out scores",
    "cryogauge validate q-score map.mrc fitted.cif --resolution 3.2 --sigma 0.4 --out scores",
)
RESLOG_EXAMPLES = (
    "cryogauge validate reslog reconstructions.csv --out reslog",
    "cryogauge validate reslog all='PostProcess/job0*' --out reslog",
    "cryogauge validate reslog 2.5=Refine3D/job021 2.5=Refine3D/job022 3.5=Refine3D/job031 3.5=Refine3D/job032 "
    "--out reslog",
)

_MapArgument = Annotated[Path, typer.Argument(metavar="MAP", help="A map, protein bright.", show_default=False)]
_OutOption = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the tables and the report.")]


def fsc(
    density: _MapArgument,
    out: _OutOption,
    model: Annotated[
        Path | None, typer.Option("--model", metavar="MODEL", help="Compare with this model (PDB or mmCIF).")
    ] = None,
    other: Annotated[Path | None, typer.Option("--other", metavar="MAP", help="Compare with this map.")] = None,
    halves: Annotated[
        bool, typer.Option("--halves", help="The two maps are independent halves; resolution is read at 0.143.")
    ] = False,
    mask: Annotated[
        str | None,
        typer.Option("--mask", metavar="MASK", help="A map of 0 to 1; or `model`, for what lies about its atoms."),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", metavar="C", help="Correlation at which resolution is read; 0.5 by default."),
    ] = None,
    simulate_to: Annotated[
        float | None,
        typer.Option(
            "--simulate-to",
            metavar="A",
            min=0.1,
            help="Give all atoms the width of a map of this resolution, in place of their B factors.",
        ),
    ] = None,
    pixel_size: PixelSizeOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Correlate a map with a model or another map in Fourier shells, and say to what resolution they agree.

    The model must lie in the map's frame. Writes fsc.csv, fsc.svg and report.html to DIR.
    """
    from cryogauge import __version__
    from cryogauge.classes.map_quality.fsc import compare_with_map, compare_with_model, write_agreement
    from cryogauge.classes.map_quality.inputs import read_map

    if (model is None) == (other is None):
        raise typer.BadParameter("give one of --model and --other")
    if model is not None and halves:
        raise typer.BadParameter("--halves is of two maps: give the other by --other")
    if other is not None and simulate_to is not None:
        raise typer.BadParameter("--simulate-to is of a model")
    volume = read_map(density, pixel_size)
    if model is not None:
        found = compare_with_model(volume, model, mask=mask, threshold=threshold, simulate_to_A=simulate_to)
    else:
        second = read_map(str(other), pixel_size)
        found = compare_with_map(volume, second, mask=mask, threshold=threshold, halves=halves)
    make_folder(out)
    settings = {
        "version": __version__, "map": density, "model": model, "other": other, "halves": halves or None, "mask": mask,
        "threshold": found.threshold, "simulated_to_A": simulate_to, "voxel_size_A": round(volume.voxel_size_A, 4),
    }  # fmt: skip
    report = write_agreement(out, found, {name: value for name, value in settings.items() if value is not None})
    _tell_agreement(found, out, report, as_json=as_json)


def q_score(
    density: _MapArgument,
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL", help="A model (PDB or mmCIF) that is fitted to the map, in its frame.", show_default=False
        ),
    ],
    out: _OutOption,
    resolution: Annotated[
        float | None,
        typer.Option("--resolution", metavar="A", help="Of the map, for the score that is expected of such maps."),
    ] = None,
    sigma: Annotated[
        float, typer.Option("--sigma", metavar="A", help="Width of the reference; reports of the wwPDB take 0.4.")
    ] = 0.6,
    pixel_size: PixelSizeOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Score how well a map resolves each atom of a model: 1 as an isolated atom at about 1.3 Å, 0 not at all.

    Hydrogens are left out. Writes atoms.csv, residues.csv, chains.csv and report.html to DIR.
    """
    from cryogauge import __version__
    from cryogauge.classes.map_quality.inputs import read_map
    from cryogauge.classes.map_quality.q_score import score_model, write_q_scores

    volume = read_map(density, pixel_size)
    scored = score_model(volume, model, resolution_A=resolution, sigma_A=sigma)
    make_folder(out)
    settings = {
        "version": __version__, "map": density, "model": model, "resolution_A": resolution or "not given",
        "sigma_A": sigma, "voxel_size_A": round(volume.voxel_size_A, 4),
    }  # fmt: skip
    report = write_q_scores(out, scored, model.name, settings)
    if as_json:
        print_json(
            {
                "q": scored.average, "atoms": int(scored.atoms["q"].count()), "of_atoms": len(scored.atoms),
                "expected_protein": scored.expected("protein"), "expected_nucleic": scored.expected("nucleic"),
                "chains": scored.chains.to_dict("records"), "notes": scored.notes, "out": out, "report": report,
            }
        )  # fmt: skip
    else:
        print(f"mean Q: {scored.average:.4f}")
        for row in scored.chains.itertuples():
            print(f"chain {row.chain}, {row.kind}: {row.q:.4f}, expected {row.expected:.3f}")
    for note in scored.notes:
        tell(note)
    tell(f"{int(scored.atoms['q'].count())} atoms scored; report: {report}")


def reslog(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCES...",
            help="A CSV of particles, resolution_A and perhaps selection; or NAME=JOBS, RELION's jobs of a selection.",
            show_default=False,
        ),
    ],
    out: _OutOption,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Fit resolution against the number of particles: the B factor of a data set, or of each of several selections.

    JOBS is a folder, a postprocess.star, a _model.star, or a pattern of them in quotes. Writes reslog.csv,
    reconstructions.csv, differences.csv and report.html to DIR. Exits with 1 when some jobs could not be read.
    """
    import pandas as pd

    from cryogauge import __version__
    from cryogauge.classes.map_quality.reslog import fit_selections
    from cryogauge.classes.map_quality.reslog_page import write_reslog
    from cryogauge.records import BadInput

    tables: list[pd.DataFrame] = []
    failures: dict[str, CryogaugeError] = {}
    for source in sources:
        table, failed = _reconstructions(source)
        tables.append(table)
        failures |= failed
    for name, error in failures.items():
        tell(f"{name}: {error}")
    table = pd.concat(tables, ignore_index=True)
    if table.empty:
        first = next(iter(failures.values()))
        raise BadInput(f"no job could be read: {first.message}", first.hint)
    fits, notes = fit_selections(table)
    make_folder(out)
    report = write_reslog(out, table, fits, notes, {"version": __version__, "sources": ", ".join(sources)})
    if as_json:
        from dataclasses import asdict

        told = [{"source": name, "message": error.message, "hint": error.hint} for name, error in failures.items()]
        print_json(
            {"selections": [asdict(fit) for fit in fits], "notes": notes, "failed": told, "out": out, "report": report}
        )
    else:
        for fit in fits:
            named = f"{fit.selection}: " if fit.selection else ""
            ends = f" ({fit.b_low_A2:.0f} to {fit.b_high_A2:.0f})" if fit.count > 2 else ""
            print(
                f"{named}B {fit.b_factor_A2:.0f} Å²{ends}, "
                f"slope {fit.slope_1_A2:.3g} 1/Å² a natural logarithm, {fit.count} reconstructions"
            )
    for note in notes:
        tell(note)
    tell(f"{len(table)} reconstructions of {len(fits)} selections, {len(failures)} failed; report: {report}")
    if failures:
        raise typer.Exit(1)


def _tell_agreement(found: "Agreement", out: Path, report: Path, *, as_json: bool) -> None:
    from cryogauge.classes.map_quality.fsc import in_A

    if as_json:
        print_json(
            {
                "resolution_A": found.resolution_A, "threshold": found.threshold,
                "resolution_at_0.5_A": found.curve.resolution_A(0.5),
                "resolution_at_0.143_A": found.curve.resolution_A(0.143),
                "best_shift_A": found.shift_A, "notes": found.notes, "out": out, "report": report,
            }
        )  # fmt: skip
    else:
        print(f"resolution at {found.threshold:g}: {in_A(found.resolution_A)}")
    for note in found.notes:
        tell(note)
    tell(f"report: {report}")


def _reconstructions(source: str) -> "tuple[pd.DataFrame, dict[str, CryogaugeError]]":
    """The table that a source holds or its jobs make, and why some of them do not."""
    from glob import glob

    from cryogauge.classes.map_quality.reslog import read_reconstructions, reconstructions_of_runs
    from cryogauge.records import BadInput

    if source.lower().endswith(".csv"):
        return read_reconstructions(source), {}
    name, parted, pattern = source.partition("=")
    if not parted:
        raise BadInput(f"{source} is neither a .csv nor NAME=JOBS", f"for RELION's jobs give a name: all={source}")
    paths = sorted(glob(pattern)) or [pattern]
    return reconstructions_of_runs(name, paths)
