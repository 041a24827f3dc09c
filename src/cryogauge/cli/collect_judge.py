"""``cryogauge collect judge``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cryogauge.cli.options import GainOption, OtherWeightsOption, PixelSizeOption, make_folder, whole_path
from cryogauge.cli.terminal import DebugOption, JsonOption, output_console, print_json, tell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

EXAMPLES = (
    "cryogauge collect judge micrographs/ --out judged --pixel-size 0.83",
    "cryogauge collect judge 'movies/*.eer' --out judged --pixel-size 0.73 --gain ref.gain --voltage 300",
    "cryogauge collect judge micrographs/ --out judged --ctf CtfFind/job003/micrographs_ctf.star",
    "cryogauge collect judge thumbnails/ --out judged --json",
)


def judge(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGES...",
            help="Micrographs or movies (MRC, TIFF, EER) or thumbnails (PNG, JPEG): files, folders, patterns.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the table, the page and the ledger.")],
    pixel_size: PixelSizeOption = None,
    voltage: Annotated[float, typer.Option("--voltage", metavar="KV", min=20, help="Acceleration voltage.")] = 300.0,
    cs: Annotated[float, typer.Option("--cs", metavar="MM", min=0, help="Spherical aberration.")] = 2.7,
    amplitude_contrast: Annotated[
        float, typer.Option("--amplitude-contrast", min=0, max=0.99, help="Share of amplitude contrast.")
    ] = 0.1,
    ctf: Annotated[
        str,
        typer.Option(
            "--ctf",
            metavar="own|ctffind|FILE.star",
            help="What fits the contrast transfer: our own fit, CTFFIND if installed, or a micrographs_ctf.star.",
        ),
    ] = "own",
    vacuum_counts: Annotated[
        float | None,
        typer.Option(
            "--vacuum-counts", metavar="N", min=0.001, help="Mean of a pixel without specimen, for how thick ice is."
        ),
    ] = None,
    mean_free_path: Annotated[
        float | None,
        typer.Option(
            "--mean-free-path",
            metavar="NM",
            min=1.0,
            help="Of ice, as this microscope images it; without it, that with an energy filter's slit in.",
        ),
    ] = None,
    gain: GainOption = None,
    model: OtherWeightsOption = None,
    judge_too: Annotated[
        list[str] | None,
        typer.Option("--judge", metavar="NAME", help="A judge of a plug-in, or several: its numbers become columns."),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", metavar="N", min=1, help="Exposures at a time.")] = 1,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Judge exposures by motion, contrast transfer, ice, contamination, carbon, particles, and as a whole.

    Writes exposures.csv (a row an exposure, the score first), report.html with pictures and power spectra, and
    settings.json. What is done is not done again. Exits with 1 when an exposure could not be judged.
    """
    from dataclasses import asdict

    from cryogauge import __version__
    from cryogauge.cli.progress import run_shown
    from cryogauge.cli.tables import write_failures
    from cryogauge.collect.judge.batch import find_exposures, fits_of_table, judge_batch
    from cryogauge.collect.judge.classify import SHIPPED
    from cryogauge.collect.judge.judge import JudgeSettings
    from cryogauge.collect.judge.page import GOOD, write_exposures
    from cryogauge.collect.plugins import JUDGES, load_plugin
    from cryogauge.io.json_file import write_json_file
    from cryogauge.learn.weights import checksum
    from cryogauge.records import BadInput

    if ctf not in ("own", "ctffind") and not ctf.endswith(".star"):
        raise BadInput(f"--ctf {ctf} fits nothing", "own, ctffind, or a micrographs_ctf.star")
    fits = fits_of_table(Path(ctf)) if ctf.endswith(".star") else None
    by: Any = ctf if fits is None else "table"
    settings = JudgeSettings(
        pixel_size, voltage, cs, amplitude_contrast, by, vacuum_counts, whole_path(gain), whole_path(model),
        tuple(judge_too or ()), mean_free_path,
    )  # fmt: skip
    for name in settings.judges:
        load_plugin(JUDGES, name)
    weights = SHIPPED if model is None else model
    exposures = find_exposures(paths)
    used = {"version": __version__, **asdict(settings), "ctf": ctf, "weights_checksum": checksum(weights)}
    make_folder(out)
    outcomes = judge_batch(exposures, out, settings, weights, fits=fits, workers=workers)
    done, failures = run_shown(outcomes, len(exposures), "exposures", debug=debug)
    write_failures(out / "failed.csv", failures)
    write_json_file(out / "settings.json", used)
    if done:
        table = write_exposures(out, [each.row for each in done], failures, used)
        if as_json:
            print_json({
                "exposures": table.to_dict("records"), "failed": [asdict(f) for f in failures], "out": out,
            })  # fmt: skip
        else:
            output_console().print(_ranked(table.to_dict("records")))
        tell(f"{int((table['score'] >= GOOD).sum())} of {len(table)} exposures score {GOOD:g} or better")
        unknown = int(table["pixel_size_A"].isna().sum())
        if unknown:
            tell(f"{unknown} of {len(table)} exposures have no pixel size, so that nothing of them is told in Å: "
                 "give it by --pixel-size")  # fmt: skip
        tell(f"report: {out / 'report.html'}")
    if failures:
        raise typer.Exit(1)


def _ranked(rows: "Sequence[Mapping[Any, Any]]") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table("exposure", "score", "class", "defocus µm", "fits to Å", "flags")
    for row in rows:
        defocus = f"{row['defocus_A'] / 1e4:.2f}" if row["defocus_A"] == row["defocus_A"] else "–"
        fits = f"{row['ctf_resolution_A']:.1f}" if row["ctf_resolution_A"] == row["ctf_resolution_A"] else "–"
        name, flags = Text(row["exposure"]), row["flags"].replace("_", "-")
        table.add_row(name, f"{row['score']:.2f}", row["kind"].replace("_", " "), defocus, fits, flags)
    return table
