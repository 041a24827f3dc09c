"""``cryogauge label classes``, ``classes-agreement`` and ``classes-export``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cryogauge.cli.options import BrowserOption, ClassesArgument, HostOption, PixelSizeOption, PortOption, TokenOption
from cryogauge.cli.terminal import DebugOption, JsonOption, output_console, print_json, show_page, tell

if TYPE_CHECKING:
    from cryogauge.records import ClassStack

LABEL_EXAMPLES = (
    "cryogauge label classes Class2D/job012 --labels classes.sqlite --annotator Ada",
    "cryogauge label classes J42 J57 averages.mrcs --labels classes.sqlite --pixel-size 2.1",
)
AGREEMENT_EXAMPLES = ("cryogauge label classes-agreement classes.sqlite --json",)
EXPORT_EXAMPLES = (
    "cryogauge label classes-export classes.sqlite --out labels.csv",
    "cryogauge train class-grader simulated/ labels.csv --out grader",
)

_LabelsArgument = Annotated[
    str, typer.Argument(metavar="LABELS", help="A SQLite file or a PostgreSQL URL.", show_default=False)
]


def label_classes(
    paths: ClassesArgument,
    labels: Annotated[
        str, typer.Option("--labels", metavar="FILE", help="SQLite file or PostgreSQL URL that keeps the grades.")
    ],
    annotator: Annotated[
        str, typer.Option("--annotator", metavar="NAME", help="Who grades; the page asks where this is not given.")
    ] = "",
    pixel_size: PixelSizeOption = None,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another order.")] = 0,
    host: HostOption = "127.0.0.1",
    port: PortOption = 0,
    token: TokenOption = None,
    browser: BrowserOption = True,
    debug: DebugOption = False,
) -> None:
    """Serve a page on which class averages are graded, one at a time, blind and by the keyboard, until Ctrl-C.

    Grades are kept as they are given; the same command goes on where it was stopped.
    """
    from cryogauge.classes.labels.session import ClassLabelSession
    from cryogauge.classes.labels.store import ClassLabelStore
    from cryogauge.score.labels.people import check_name
    from cryogauge.web.app import create_app, serve
    from cryogauge.web.guard import check_reach
    from cryogauge.web.label_classes import label_classes_router

    annotator = check_name(annotator) if annotator else ""
    check_reach(host, token)
    stacks = _stacks(paths, pixel_size)

    def ready(address: str) -> None:
        show_page(address, "open this page to grade; Ctrl-C ends", browser=browser)

    with ClassLabelStore(labels) as store:
        files = [str(Path(stack.source).absolute()) for stack in stacks]
        session = ClassLabelSession(store, stacks, files=files, seed=seed)
        tell(f"{len(session.images)} averages of {len(stacks)} job{'' if len(stacks) == 1 else 's'}")
        router = label_classes_router(lambda job: session, annotator=annotator)
        serve(create_app("Grade class averages", router, token=token), host=host, port=port, on_ready=ready)
        tell(f"{len(store.rows())} grades in {store.name}")


def _stacks(paths: list[str], pixel_size_A: float | None) -> "list[ClassStack]":
    """The averages of all jobs that can be read; what cannot be read is told of and left out."""
    from cryogauge.io.classes import open_classes
    from cryogauge.records import BadInput

    stacks = []
    for path in paths:
        try:
            stacks.append(open_classes(path, pixel_size_A=pixel_size_A))
        except BadInput as error:
            if len(paths) == 1:
                raise
            tell(f"left out: {error.message}; {error.hint}")
    if not stacks:
        raise BadInput("nothing that was given holds class averages", "give files that `cryogauge classes grade` reads")
    return stacks


def classes_agreement(labels: _LabelsArgument, as_json: JsonOption = False, debug: DebugOption = False) -> None:
    """Print how well people agree on class averages, and with themselves on those shown twice."""
    from cryogauge.classes.labels.store import read_class_labels
    from cryogauge.classes.labels.table import grade_agreement, per_person

    table = read_class_labels(labels)
    people, pairs = per_person(table).to_dict("records"), grade_agreement(table).to_dict("records")
    if as_json:
        print_json({"people": people, "agreement": pairs})
        return
    from rich.table import Table

    counts = Table("name", "grades", "repeats", "s an average")
    for each in people:
        counts.add_row(each["annotator"], str(each["labels"]), str(each["repeats"]), f"{each['seconds']:.1f}")
    shown = Table("who", "with whom", "averages", "same letter", "at most one apart", "weighted kappa")
    for each in pairs:
        other = "the same, on repeats" if each["first"] == each["second"] else each["second"]
        values = [f"{each[name]:.3f}" if each[name] == each[name] else "-" for name in ("exact", "within_one", "kappa")]
        shown.add_row(each["first"], other, str(each["classes"]), *values)
    output_console().print(counts, shown)


def classes_export(
    labels: _LabelsArgument,
    out: Annotated[Path, typer.Option("--out", metavar="CSV", help="File to write.")],
    every: Annotated[
        bool, typer.Option("--every", help="Every single grade with who gave it, not one grade a class.")
    ] = False,
    debug: DebugOption = False,
) -> None:
    """Write one grade a class as CSV (file, class, grade): the mean over people, for `train class-grader`."""
    from cryogauge.classes.labels.store import read_class_labels
    from cryogauge.classes.labels.table import agreed_grades, labels_csv
    from cryogauge.io.replace import replacing

    table = read_class_labels(labels)
    written = table if every else agreed_grades(table)
    with replacing(out) as temporary:
        temporary.write_text(labels_csv(written), encoding="utf-8")
    tell(f"{len(written)} {'grades' if every else 'classes'} in {out}")
