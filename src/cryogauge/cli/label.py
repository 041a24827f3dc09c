"""``cryogauge label``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cryogauge.cli.audit import LABEL_EXAMPLES, label_audit
from cryogauge.cli.label_classes import (
    AGREEMENT_EXAMPLES,
    EXPORT_EXAMPLES,
    classes_agreement,
    classes_export,
    label_classes,
)
from cryogauge.cli.label_classes import LABEL_EXAMPLES as CLASSES_EXAMPLES
from cryogauge.cli.options import BrowserOption, HostOption, PathsArgument, PixelSizeOption, PortOption, TokenOption
from cryogauge.cli.terminal import (
    MARKUP,
    DebugOption,
    JsonOption,
    examples,
    output_console,
    print_json,
    show_page,
    tell,
)

if TYPE_CHECKING:
    from cryogauge.score.labels.session import LabelSession
    from cryogauge.score.labels.store import LabelStore

label_app = typer.Typer(
    help="Have people judge slices and class averages, and see how well they agree.",
    rich_markup_mode=MARKUP,
    no_args_is_help=True,
)
label_app.command("audit", epilog=examples(*LABEL_EXAMPLES))(label_audit)
label_app.command("classes", epilog=examples(*CLASSES_EXAMPLES))(label_classes)
label_app.command("classes-agreement", epilog=examples(*AGREEMENT_EXAMPLES))(classes_agreement)
label_app.command("classes-export", epilog=examples(*EXPORT_EXAMPLES))(classes_export)
LabelsArgument = Annotated[
    str,
    typer.Argument(metavar="LABELS", help="A SQLite file, a PostgreSQL URL or an exported .csv.", show_default=False),
]


@label_app.command(
    "slices",
    epilog=examples(
        "cryogauge label slices tomograms/ --labels labels.sqlite",
        "cryogauge label slices tomograms/ --labels labels.sqlite --scores scores --per-tomogram 20",
        "cryogauge label slices tomograms/ --labels postgresql://lab@db.example/labels --annotator Ada",
    ),
)
def label_slices(
    paths: PathsArgument,
    labels: Annotated[
        str, typer.Option("--labels", metavar="FILE", help="SQLite file or PostgreSQL URL that keeps the labels.")
    ],
    annotator: Annotated[
        str, typer.Option("--annotator", metavar="NAME", help="Who labels; the page asks where this is not given.")
    ] = "",
    scores: Annotated[
        Path | None,
        typer.Option(
            "--scores", metavar="DIR", help="Folder of `cryogauge score`: half of the slices are its least certain."
        ),
    ] = None,
    per_tomogram: Annotated[
        int, typer.Option("--per-tomogram", metavar="N", min=1, help="Slices of each tomogram, at most.")
    ] = 40,
    pixel_size: PixelSizeOption = None,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, other slices in another order.")] = 0,
    host: HostOption = "127.0.0.1",
    port: PortOption = 0,
    token: TokenOption = None,
    browser: BrowserOption = True,
    debug: DebugOption = False,
) -> None:
    """Serve a page on which slices are labelled, one at a time, blind and by the keyboard, until Ctrl-C.

    Labels are kept as they are given; the same command goes on where it was stopped.
    """
    from cryogauge.score.labels.people import check_name
    from cryogauge.score.labels.store import LabelStore
    from cryogauge.web.app import create_app, serve
    from cryogauge.web.guard import check_reach
    from cryogauge.web.label_slices import label_slices_router

    annotator = check_name(annotator) if annotator else ""
    check_reach(host, token)

    def ready(address: str) -> None:
        show_page(address, "open this page to label; Ctrl-C ends", browser=browser)

    with LabelStore(labels) as store:
        session = _make_session(store, paths, scores, per_tomogram, pixel_size, seed)
        router = label_slices_router(session, annotator=annotator)
        serve(create_app("Label slices", router, token=token), host=host, port=port, on_ready=ready)
        tell(f"{len(store.rows())} labels in {store.name}")


def _make_session(
    store: "LabelStore",
    paths: list[str],
    scores: Path | None,
    per_tomogram: int,
    pixel_size_A: float | None,
    seed: int,
) -> "LabelSession":
    """The slices of all tomograms that can be read; what cannot be read is told of and left out."""
    from cryogauge.cli.progress import show_progress
    from cryogauge.io import find_tomograms
    from cryogauge.records import BadInput
    from cryogauge.score.labels.session import LabelSession, read_slice_scores, slices_of_tomogram

    table = None if scores is None else read_slice_scores(scores)
    slices, uncertainty, tomograms, scored = [], {}, 0, 0
    sources = find_tomograms(paths)
    with show_progress(len(sources), "tomograms opened") as progress:
        for source in sources:
            rows = None if table is None else table[table["tomogram"] == source.name]
            try:
                found, unsure = slices_of_tomogram(
                    source, per_tomogram, seed=seed, pixel_size_A=pixel_size_A, scores=rows
                )
            except BadInput as error:
                progress.advance(failed=True)
                progress.say(f"left out: {error.message}; {error.hint}")
                continue
            progress.advance()
            slices += found
            uncertainty |= unsure
            tomograms += 1
            scored += rows is not None and len(rows) > 0
    if not slices:
        raise BadInput(
            f"no tomogram in {' '.join(paths)} can be labelled", "give files that `cryogauge score` can read"
        )
    if table is not None and not scored:
        raise BadInput(f"{scores} holds scores of other tomograms", "give the folder that these were scored into")
    note = f", {scored} of them with scores" if table is not None else ""
    tell(f"{len(slices)} slices of {tomograms} tomogram{'' if tomograms == 1 else 's'}{note}")
    return LabelSession(store, slices, uncertainty, seed=seed)


@label_app.command("agreement", epilog=examples("cryogauge label agreement labels.sqlite --json"))
def label_agreement(labels: LabelsArgument, as_json: JsonOption = False, debug: DebugOption = False) -> None:
    """Print how well people agree with each other, and with themselves on slices shown twice."""
    from cryogauge.score.labels import read_labels
    from cryogauge.score.labels.agreement import agreement
    from cryogauge.score.labels.people import per_person

    table = read_labels(labels)
    pairs = agreement(table).to_dict("records")
    people = per_person(table).to_dict("records")
    if as_json:
        print_json({"people": people, "agreement": pairs})
        return
    from rich.table import Table

    counts = Table("name", "labels", "repeats", "s a slice")
    for each in people:
        counts.add_row(each["annotator"], str(each["labels"]), str(each["repeats"]), f"{each['seconds']:.1f}")
    shown = Table("who", "with whom", "slices", "same category", "at most one apart", "weighted kappa")
    for each in pairs:
        other = "the same, on repeats" if each["first"] == each["second"] else each["second"]
        values = [f"{each[name]:.3f}" if each[name] == each[name] else "-" for name in ("exact", "within_one", "kappa")]
        shown.add_row(each["first"], other, str(each["slices"]), *values)
    console = output_console()
    console.print(counts, shown)


@label_app.command("export", epilog=examples("cryogauge label export labels.sqlite --out labels.csv"))
def label_export(
    labels: LabelsArgument,
    out: Annotated[Path, typer.Option("--out", metavar="CSV", help="File to write.")],
    debug: DebugOption = False,
) -> None:
    """Write all labels as CSV, one row a label."""
    from cryogauge.score.labels import read_labels
    from cryogauge.score.labels.table import write_labels

    table = read_labels(labels)
    write_labels(out, table)
    tell(f"{len(table)} labels in {out}")
