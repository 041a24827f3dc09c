"""``cryogauge dose``."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cryogauge.cli.options import (
    AlignmentOption,
    AlignOption,
    DeviceOption,
    FilterOption,
    GainOption,
    ResultsOption,
    SeriesWorkersOption,
    SliceModelOption,
    ThicknessOption,
    VoxelOption,
    make_folder,
    whole_path,
)
from cryogauge.cli.progress import run_shown, series_failures
from cryogauge.cli.terminal import MARKUP, DebugOption, JsonOption, examples, print_json, tell

if TYPE_CHECKING:
    from cryogauge.report import Failure
    from cryogauge.score.dose.batch import DoseItem, DoseSettings

dose_app = typer.Typer(
    help="How much dose is enough: tomograms of parts of the exposure, what they score, and advice.",
    rich_markup_mode=MARKUP,
    no_args_is_help=True,
)


def _doses(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise typer.BadParameter(f"'{text}' is no list of doses such as 16,32,64") from None


SeriesArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="PATHS...",
        help="Tilt series with dose fractions (.mdoc, stacks with an .mdoc, RELION STAR), folders, globs.",
        show_default=False,
    ),
]
HalvingsOption = Annotated[
    int | None,
    typer.Option(
        "--halvings",
        metavar="N",
        min=0,
        max=10,
        help="Halve into even and odd fractions so often; else up to five times.",
    ),
]
DosesOption = Annotated[
    tuple,
    typer.Option("--doses", metavar="E,E,…", help="Evenly spaced fractions of these doses, e⁻/Å².", parser=_doses),
]
CumulativeOption = Annotated[
    tuple,
    typer.Option(
        "--cumulative", metavar="E,E,…", help="The first fractions of each tilt up to these doses.", parser=_doses
    ),
]
MotionOption = Annotated[
    Literal["auto", "own", "relion", "none"],
    typer.Option("--motion", help="Drift within movies: RELION's results if named, else own; none for corrected ones."),
]
TotalOption = Annotated[
    float | None, typer.Option("--dose", metavar="E", help="Dose of the whole series, where the files do not say.")
]
ScratchOption = Annotated[
    Path | None, typer.Option("--scratch", metavar="DIR", help="Roomy folder for intermediate sums.")
]


@dose_app.command(
    "split",
    epilog=examples(
        "cryogauge dose split series.mdoc --out split --halvings 5",
        "cryogauge dose split 'TS_*.mdoc' --out split --halvings 1 --doses 16,32,64 --gain gain.mrc",
    ),
)
def split(
    context: typer.Context,
    paths: SeriesArgument,
    out: ResultsOption,
    halvings: HalvingsOption = None,
    doses: DosesOption = "",  # type: ignore[assignment] the parser makes a tuple of it
    cumulative: CumulativeOption = "",  # type: ignore[assignment]
    voxel_size: VoxelOption = None,
    thickness: ThicknessOption = 300.0,
    filter_: FilterOption = "ramp",
    motion: MotionOption = "auto",
    align: AlignOption = "auto",
    gain: GainOption = None,
    alignment: AlignmentOption = None,
    total: TotalOption = None,
    scratch: ScratchOption = None,
    workers: SeriesWorkersOption = 1,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Reconstruct tomograms of parts of the dose, all with the geometry of the whole.

    Writes a folder a tilt series with a tomogram a part and subsets.csv, which says what dose each one has. Exits with
    1 when some series could not be split.
    """
    settings = _settings(context.params)
    rows, failures = _run(_items(paths, out, settings), out, study=False, workers=workers, debug=debug)
    done = {name: {**row, "folder": str(out / row["folder"])} for name, row in rows.items()}
    if as_json:
        print_json({"series": done, "failed": series_failures(failures)})
    else:
        for name, row in done.items():
            print(f"{name}: {row['tomograms']} tomograms of {row['total_e_A2']:g} e⁻/Å² in {row['folder']}")
    if failures:
        raise typer.Exit(1)


@dose_app.command(
    "study",
    epilog=examples(
        "cryogauge dose study 'TS_*.mdoc' --out study --halvings 5 --doses 16,32,64,128,256",
        "cryogauge dose study split/tomograms/* --out study",
    ),
)
def study(
    context: typer.Context,
    paths: SeriesArgument,
    out: ResultsOption,
    halvings: HalvingsOption = None,
    doses: DosesOption = "",  # type: ignore[assignment] the parser makes a tuple of it
    cumulative: CumulativeOption = "",  # type: ignore[assignment]
    voxel_size: VoxelOption = None,
    thickness: ThicknessOption = 300.0,
    filter_: FilterOption = "ramp",
    motion: MotionOption = "auto",
    align: AlignOption = "auto",
    gain: GainOption = None,
    alignment: AlignmentOption = None,
    total: TotalOption = None,
    scratch: ScratchOption = None,
    model: SliceModelOption = "compact",
    weights: Annotated[
        Path | None, typer.Option("--weights", metavar="FILE", help="Weights for a model that ships without.")
    ] = None,
    device: DeviceOption = "auto",
    workers: SeriesWorkersOption = 1,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Score tomograms of parts of the dose, and say how much dose is enough.

    Takes tilt series with their dose fractions, whose tomograms are made one at a time and not kept, or folders that
    `dose split` wrote. Writes dose.csv, pairs.csv, frc.csv, slices.csv, advice.json and report.html. Exits with 1 when
    some series could not be studied.
    """
    from cryogauge import __version__
    from cryogauge.io.json_file import write_json_file
    from cryogauge.score.dose.batch import load_study
    from cryogauge.score.dose.page import advice, write_study
    from cryogauge.score.tomogram import ScoreSettings, weights_checksum

    settings = _settings(context.params)
    checksum = weights_checksum(ScoreSettings(model=settings.model, weights=settings.weights))
    items = _items(paths, out, settings)
    rows, failures = _run(items, out, study=True, workers=workers, debug=debug, checksum=checksum)
    studies = [load_study(out / row["folder"]) for row in rows.values()]
    if studies:
        used = {"version": __version__, "weights_checksum": checksum, **asdict(settings)}
        write_json_file(out / "settings.json", used)
        findings = write_study(out, studies, used)
        found: dict[str, Any] = {"series": len(studies), **advice(findings)}
        write_json_file(out / "advice.json", found)
        if as_json:
            print_json({**found, "failed": series_failures(failures), "report": out / "report.html"})
        else:
            for line in findings.lines():
                print(line)
        tell(f"{len(studies)} studied; report: {out / 'report.html'}")
    if failures:
        raise typer.Exit(1)


def _settings(given: Mapping[str, Any]) -> "DoseSettings":
    """The settings that the parameters of either command stand for; a split has none of a network."""
    from cryogauge.jobs import threads_each
    from cryogauge.score.dose.batch import DoseSettings

    network = {name: given[name] for name in ("model", "device") if name in given}
    return DoseSettings(
        halvings=given["halvings"],
        doses_e_A2=given["doses"],
        cumulative_e_A2=given["cumulative"],
        voxel_size_A=given["voxel_size"],
        thickness_nm=given["thickness"],
        filter=given["filter_"],
        motion=given["motion"],
        align=given["align"],
        gain=whole_path(given["gain"]),
        alignment=whole_path(given["alignment"]),
        total_e_A2=given["total"],
        scratch=whole_path(given["scratch"]),
        weights=whole_path(given.get("weights")),
        threads=threads_each(given["workers"]),
        **network,
    )


def _items(paths: list[str], out: Path, settings: "DoseSettings") -> "list[DoseItem]":
    """Tilt series among the paths, and folders of split ones."""
    from cryogauge.io import find_tilt_series
    from cryogauge.score.dose.batch import SUBSETS, DoseItem

    split_before = [path for path in paths if Path(path, SUBSETS).is_file()]
    others = [path for path in paths if path not in split_before]
    found = [(Path(path).name, str(Path(path).absolute())) for path in split_before]
    if others:
        found += [(source.name, source.uri) for source in find_tilt_series(others)]
    return [DoseItem(name, uri, out.absolute(), settings) for name, uri in found]


def _run(
    items: "list[DoseItem]", out: Path, *, study: bool, workers: int, debug: bool, checksum: str = ""
) -> "tuple[dict[str, dict[str, Any]], list[Failure]]":
    """Rows of what was done, by the series' names, and what failed; both in the order of the names."""
    from cryogauge.score.dose.batch import dose_batch

    make_folder(out)
    outcomes = dose_batch(items, out, study=study, weights_checksum=checksum, workers=workers)
    done, failures = run_shown(outcomes, len(items), "tilt series", debug=debug)
    rows = {each.item.name: each.row for each in sorted(done, key=lambda each: each.item.name)}
    return rows, sorted(failures, key=lambda each: each.tomogram)
