"""``cryogauge score``."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cryogauge.cli.options import (
    DeviceOption,
    PixelSizeOption,
    ResultsOption,
    SettingsOption,
    SliceModelOption,
    SliceWeightsOption,
    TomogramWorkersOption,
    make_folder,
)
from cryogauge.cli.terminal import DebugOption, JsonOption, is_given, output_console, print_json, tell

if TYPE_CHECKING:
    from cryogauge.io import TomogramSource
    from cryogauge.score import ScoreSettings
    from cryogauge.score.batch import Scored


def score(
    context: typer.Context,
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATHS...",
            help="Tomograms (MRC family, HDF5, OME-Zarr, TIFF stacks), folders of them, globs, .txt lists of paths, "
            "or a copick configuration.",
            show_default=False,
        ),
    ],
    out: ResultsOption,
    pixel_size: PixelSizeOption = None,
    model: SliceModelOption = "compact",
    weights: SliceWeightsOption = None,
    local_map: Annotated[
        bool, typer.Option("--local-map/--no-local-map", help="Keep a map of the quality within each slice.")
    ] = True,
    slices: Annotated[
        bool, typer.Option("--slices", help="Take single pictures (PNG, JPEG, TIFF, 2-D MRC) as one slice each.")
    ] = False,
    workers: TomogramWorkersOption = 1,
    device: DeviceOption = "auto",
    settings_file: SettingsOption = None,
    select: Annotated[
        str | None,
        typer.Option(
            "--select", metavar="CONDITION", help="Which to export: 'tomoscore > 0.5 and thickness_nm < 250'."
        ),
    ] = None,
    export: Annotated[
        list[str] | None,
        typer.Option("--export", metavar="KIND", help="csv, star, warp or copick: for other programs; repeatable."),
    ] = None,
    export_from: Annotated[
        Path | None,
        typer.Option("--export-from", metavar="FILE", help="tomograms.star or processed_items.json to select from."),
    ] = None,
    tilts: Annotated[
        bool,
        typer.Option("--tilts", help="Judge the images of tilt series instead, and write which ones to leave out."),
    ] = False,
    alignment: Annotated[
        Path | None,
        typer.Option("--alignment", metavar="FILE", help="With --tilts: which alignment, where there are several."),
    ] = None,
    gain: Annotated[
        Path | None,
        typer.Option("--gain", metavar="FILE", help="With --tilts: gain reference of images that are not corrected."),
    ] = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Rank tomograms by how small a feature can be told apart in them.

    Writes scores.csv (one row a tomogram), slices.csv (one row a slice) and report.html to DIR and prints the ranked
    table. Exits with 1 when some inputs could not be judged (failed.csv says why), with 2 when the call was wrong.
    """
    if tilts:
        from cryogauge.cli.tilts import score_tilts

        score_tilts(
            paths,
            out,
            pixel_size_A=pixel_size,
            alignment=alignment,
            gain=gain,
            workers=workers,
            as_json=as_json,
            debug=debug,
        )
        return
    from cryogauge.cli.tables import read_settings
    from cryogauge.jobs import threads_each
    from cryogauge.score import ScoreSettings, weights_checksum
    from cryogauge.score.exports import check_exports
    from cryogauge.score.selection import compile_condition

    if select is not None:
        compile_condition(select)  # before hours are spent
    check_exports(export or [], export_from)
    chosen: dict[str, Any] = {
        "pixel_size_A": pixel_size,
        "model": model,
        "weights": None if weights is None else str(weights),
        "local_map": local_map,
        "device": device,
        "slices": slices,
    }
    before = {} if settings_file is None else read_settings(settings_file)
    given = {name for name in chosen if is_given(context, name.removesuffix("_A"))}
    chosen |= {name: value for name, value in before.items() if name in chosen and name not in given}
    sources = find_sources(paths, out, pictures=chosen["slices"])
    settings = ScoreSettings(**chosen, threads=threads_each(workers))
    checksum = weights_checksum(settings)
    if before and not {"model", "weights"} & given and before["weights_checksum"] != checksum:
        tell(f"note: the weights are not those that {settings_file} was written with")
    make_folder(out)
    scored = score_all(sources, out, settings, weights_checksum=checksum, workers=workers, debug=debug)
    report = write_outputs(out, scored, settings, checksum)
    show_scored(out, scored, report, as_json=as_json)
    if select is not None or export:
        export_selected(out, scored, select, export or ["csv"], export_from)
    if scored.failures:
        raise typer.Exit(1)


def score_all(
    sources: "Sequence[TomogramSource]",
    out: Path,
    settings: "ScoreSettings",
    *,
    weights_checksum: str,
    workers: int,
    debug: bool,
) -> "Scored":
    """Judge what :func:`cryogauge.score.batch.score_batch` takes, and show how far it is."""
    from cryogauge.cli.progress import resumable, show_progress
    from cryogauge.score.batch import Scored, score_batch

    scored = Scored()
    with resumable(), show_progress(len(sources), "tomograms") as progress:
        for outcome in score_batch(
            sources, out.absolute(), settings, weights_checksum=weights_checksum, workers=workers
        ):
            progress.count(outcome.item.source.name, outcome, debug=debug)
            scored.add(outcome)
    return scored


def find_sources(paths: "list[str]", out: Path, *, pictures: bool = False) -> "list[TomogramSource]":
    """Tomograms among ``paths``, without what an earlier run left in ``out``; raises ``BadInput`` for none."""
    from cryogauge.io import find_tomograms
    from cryogauge.records import BadInput

    ours = out.resolve()
    sources = [
        source for source in find_tomograms(paths, pictures=pictures) if ours not in Path(source.uri).resolve().parents
    ]
    if not sources:
        raise BadInput(
            f"no tomogram in {' '.join(paths)}", "give files or folders with .mrc, .rec, .hdf, .zarr or .tif in them"
        )
    return sources


def write_outputs(out: Path, scored: "Scored", settings: "ScoreSettings", checksum: str) -> Path:
    """Write the tables, the report and what was used; the report's path."""
    from cryogauge import __version__
    from cryogauge.cli import tables
    from cryogauge.io.json_file import write_json_file
    from cryogauge.report import write_report
    from cryogauge.score import load_judgement
    from cryogauge.score.exports import write_scores

    rows = ranked(scored.rows)
    folders = [scored.folders[row["tomogram"]] for row in rows]
    write_scores(out / "scores.csv", rows, [failure.tomogram for failure in scored.failures])
    tables.write_failures(out / "failed.csv", scored.failures)
    tables.write_slices(out / "slices.csv", folders)
    used = {"model": settings.model, "weights_checksum": checksum, "version": __version__, **asdict(settings)}
    write_json_file(out / "settings.json", used)
    return write_report(out / "report.html", map(load_judgement, folders), scored.failures, settings=used)


def export_selected(
    out: Path, scored: "Scored", condition: str | None, kinds: "Sequence[str]", template: Path | None
) -> None:
    """Write the tomograms that meet a condition, all without one, for other programs."""
    from cryogauge.score.exports import write_export
    from cryogauge.score.selection import select

    rows = ranked(scored.rows)
    selected = rows if condition is None else select(rows, condition)
    tell(f"{len(selected)} of {len(rows)} selected")
    for kind in dict.fromkeys(kinds):
        used = template if kind in ("star", "warp") else None
        tell(f"{kind}: {write_export(kind, rows, selected, out, template=used)}")


def ranked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows by falling TomoScore, as the report and the terminal show them."""
    from cryogauge.report.columns import best_first

    return [rows[position] for position in best_first(rows)]


def show_scored(out: Path, scored: "Scored", report: Path, *, as_json: bool) -> None:
    """Print the ranked table, or all of it as JSON; what was done goes to stderr."""
    if as_json:
        print_json(
            {
                "scores": ranked(scored.rows),
                "failed": [asdict(failure) for failure in scored.failures],
                "out": out,
                "report": report,
            }
        )
    else:
        from cryogauge.report import ranked_table

        output_console().print(ranked_table(scored.rows, scored.failures))
    now = len(scored.rows) - scored.already_done
    parts = [f"{now} scored"]
    if scored.already_done:
        parts.append(f"{scored.already_done} already done")
    if scored.failures:
        parts.append(f"{len(scored.failures)} failed")
    tell(f"{', '.join(parts)}; report: {report}")
