"""``cryogauge validate``."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cryogauge.cli.options import make_folder
from cryogauge.cli.terminal import MARKUP, DebugOption, JsonOption, examples, print_json, tell
from cryogauge.cli.validate_maps import FSC_EXAMPLES, Q_SCORE_EXAMPLES, RESLOG_EXAMPLES, fsc, q_score, reslog

validate_app = typer.Typer(
    help="How well a network agrees with people, and a map with its model.",
    rich_markup_mode=MARKUP,
    no_args_is_help=True,
)
validate_app.command(epilog=examples(*FSC_EXAMPLES))(fsc)
validate_app.command("q-score", epilog=examples(*Q_SCORE_EXAMPLES))(q_score)
validate_app.command(epilog=examples(*RESLOG_EXAMPLES))(reslog)


@validate_app.command(
    "slice-quality",
    epilog=examples(
        "cryogauge validate slice-quality labels.csv --out agreement",
        "cryogauge validate slice-quality labels.sqlite --weights mine/compact.safetensors --out agreement --json",
        "cryogauge validate slice-quality simulated/ --out agreement",
    ),
)
def validate_slice_quality(
    labels: Annotated[
        str,
        typer.Argument(
            metavar="LABELS",
            help="Labels (.csv, a store or its URL), or a folder that `cryogauge simulate dataset` wrote.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for tables, curves and the report.")],
    weights: Annotated[
        str, typer.Option("--weights", metavar="FILE", help="Weights (.safetensors); by default those of compact.")
    ] = "compact",
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Compare the network's scores with labels: r, thickness, categories, and what its uncertainty is worth.

    Labels of slices that were shown because a network was unsure of them are left out and counted.

    Writes tomograms.csv, slices.csv, confusion.csv, coverage.csv, curves.svg and report.html to DIR. Exits with 1 when
    some tomograms could not be judged.
    """
    from cryogauge import __version__
    from cryogauge.cli.progress import show_progress
    from cryogauge.jobs import Failure, explain, threads_each
    from cryogauge.records import BadInput, CryogaugeError
    from cryogauge.score.accuracy import Compared, compare
    from cryogauge.score.accuracy_page import write_accuracy
    from cryogauge.score.labelled import find_fair_labels
    from cryogauge.score.quality import load_quality, shipped_weights

    tomograms, left_out = find_fair_labels(labels)
    if left_out:
        tell(f"{left_out} labels of slices that a network was unsure of are left out")
    quality = load_quality(weights, shipped_weights(weights), threads=threads_each(1))
    make_folder(out)
    compared: list[Compared] = []
    failures: dict[str, Failure] = {}
    with show_progress(len(tomograms), "tomograms") as progress:
        for tomogram in tomograms:
            try:
                compared.append(compare(tomogram, quality))
            except CryogaugeError as error:
                failures[tomogram.name] = explain(error)
                progress.say(f"{tomogram.name}: {error}")
            progress.advance(failed=tomogram.name in failures)
    if not compared:
        first = next(iter(failures.values()))
        raise BadInput(f"no labelled tomogram could be judged: {first.message}", first.hint)
    settings = {
        "model": quality.name,
        "weights": quality.weights,
        "version": __version__,
        "labels": labels,
        "labels left out": left_out,
    }
    found = write_accuracy(out, compared, settings)
    if as_json:
        failed = [{"tomogram": name, **asdict(failure)} for name, failure in failures.items()]
        print_json({**found, "labels_left_out": left_out, "failed": failed, "out": out, "report": out / "report.html"})
    else:
        for name, value in found.items():
            print(f"{name.replace('_', ' ')}: {value:.4g}")
    tell(f"{len(compared)} compared, {len(failures)} failed; report: {out / 'report.html'}")
    if failures:
        raise typer.Exit(1)
