"""``cryogauge score --tilts``."""

from dataclasses import asdict
from pathlib import Path

import typer

from cryogauge.cli.options import make_folder, whole_path
from cryogauge.cli.terminal import output_console, print_json, tell


def score_tilts(
    paths: list[str],
    out: Path,
    *,
    pixel_size_A: float | None,
    alignment: Path | None,
    gain: Path | None,
    workers: int,
    as_json: bool,
    debug: bool,
) -> None:
    """Judge tilt images, write what to leave out for other programs, and print the list of it."""
    from rich.table import Table

    from cryogauge import __version__
    from cryogauge.cli.progress import run_shown
    from cryogauge.cli.tables import write_failures
    from cryogauge.io import find_tilt_series
    from cryogauge.io.json_file import write_json_file
    from cryogauge.score.tilt_batch import TiltItem, TiltSettings, tilt_batch, write_tilts

    settings = TiltSettings(pixel_size_A, whole_path(alignment), gain=whole_path(gain))
    items = [TiltItem(each.name, each.uri, out.absolute(), settings) for each in find_tilt_series(paths)]
    make_folder(out)
    done, failures = run_shown(tilt_batch(items, out, workers=workers), len(items), "tilt series", debug=debug)
    write_failures(out / "failed.csv", failures)
    used = {"version": __version__, **asdict(settings)}
    write_json_file(out / "settings.json", used)
    if done:
        table = write_tilts(out, sorted(out / each.row["folder"] for each in done), failures, used)
        left_out = table[~table["keep"]]
        if as_json:
            print_json({
                "tilts": table.to_dict("records"), "failed": [asdict(f) for f in failures], "out": out,
            })  # fmt: skip
        else:
            shown = Table("series", "image", "tilt", "score", "reasons")
            for row in left_out.to_dict("records"):
                score = f"{row['score']:.2f}"
                shown.add_row(row["series"], row["image"], f"{row['tilt_deg']:+.1f}°", score, row["reasons"])
            output_console().print(shown if len(left_out) else "no image to leave out")
        tell(f"{len(left_out)} of {len(table)} images to leave out")
        tell(f"for IMOD, AreTomo, RELION and Warp: {out / 'tomograms'}")
        tell(f"report: {out / 'report.html'}")
    if failures:
        raise typer.Exit(1)
