"""``cryogauge project``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cryogauge.cli.terminal import (
    MARKUP,
    DebugOption,
    JsonOption,
    examples,
    help_alone,
    output_console,
    print_json,
    tell,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.text import Text

    from cryogauge.records import PickObject

project_app = typer.Typer(
    help="copick projects: make one, import one, see what one holds.",
    rich_markup_mode=MARKUP,
    epilog=examples("cryogauge project show copick.json"),
)
project_app.callback(invoke_without_command=True)(help_alone)


@project_app.command(
    epilog=examples(
        "cryogauge project create mine --czii",
        "cryogauge project create mine --object ribosome:1:150 --object apo-ferritin:2:60",
    )
)
def create(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the project.", show_default=False)],
    objects: Annotated[
        list[str] | None,
        typer.Option("--object", metavar="NAME:LABEL:RADIUS", help="A particle and its radius in Å; repeatable."),
    ] = None,
    czii: Annotated[bool, typer.Option("--czii", help="The six particles of the CZII challenge.")] = False,
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="The folder's name by default.")] = "",
    debug: DebugOption = False,
) -> None:
    """Make an empty copick project: a configuration and a folder to write into."""
    from cryogauge.io.copick import create_project
    from cryogauge.records import CZII_OBJECTS, BadInput

    if bool(objects) == czii:
        raise BadInput("a project needs its particles, said once", "give --czii, or one --object or more")
    print(create_project(folder, CZII_OBJECTS if czii else [_object(text) for text in objects or ()], name=name))


def _object(text: str) -> "PickObject":
    from cryogauge.records import BadInput, PickObject

    try:
        name, label, radius_A = text.split(":")
        return PickObject(name, int(label), float(radius_A))
    except ValueError as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"--object {text} is not NAME:LABEL:RADIUS", "write such as ribosome:1:150") from error


@project_app.command(
    "import-kaggle",
    epilog=examples("cryogauge project import-kaggle czii-cryo-et-object-identification --out czii"),
)
def import_kaggle_(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="The challenge's folder as downloaded and unpacked.", show_default=False),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="PROJECT", help="Folder for the project.")],
    debug: DebugOption = False,
) -> None:
    """Make a copick project of the CZII challenge's folder: tomograms are linked, picks renamed."""
    from cryogauge.io.copick import describe_project, import_kaggle, open_project

    config = import_kaggle(folder, out)
    held = describe_project(open_project(config))["runs"]
    picks = sum(each["count"] for run in held for each in run["picks"])
    tell(f"{len(held)} runs, {sum(len(run['tomograms']) for run in held)} tomograms, {picks} picks")
    print(config)


@project_app.command("import-shrec", epilog=examples("cryogauge project import-shrec shrec2021 --out shrec"))
def import_shrec_(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="A SHREC track's folder as downloaded and unpacked.", show_default=False),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="PROJECT", help="Folder for the project.")],
    debug: DebugOption = False,
) -> None:
    """Make a copick project of a SHREC track of 2019, 2020 or 2021: tomograms, picks with angles, masks.

    Run again after an interruption, it goes on where it stopped. The last tomogram is the test.
    """
    from cryogauge.io.shrec import find_shrec, import_shrec

    total, done = len(find_shrec(folder)), []

    def written(name: str) -> None:
        done.append(name)
        tell(f"{name}: {len(done)} of {total}")

    config = import_shrec(folder, out, on_run=written)
    tell(f"{total} runs; train on all but {done[-1]}, the test")
    print(config)


@project_app.command(epilog=examples("cryogauge project show copick.json", "cryogauge project show copick.json --json"))
def show(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A copick configuration.", show_default=False)],
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show what a copick project holds: objects, runs, tomograms, picks and segmentations."""
    from cryogauge.io.copick import describe_project, open_project

    held = describe_project(open_project(config))
    if as_json:
        print_json(held)
        return
    _print_objects(held["objects"])
    _print_runs(held["runs"])
    _print_picks(held["runs"])
    tell(f"{held['name']}: {len(held['objects'])} objects, {len(held['runs'])} runs; written to {held['overlay_root']}")
    if not held["runs"]:
        tell("hint: copick looks for ExperimentRuns/RUN under its roots; see the configuration's overlay_root")


def _print_objects(objects: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table("object", "label", "radius (Å)", "")
    for item in objects:
        radius = "" if item["radius_A"] is None else f"{item['radius_A']:g}"
        remark = item["identifier"] if item["is_particle"] else "no particle"
        table.add_row(*_plain(item["name"], str(item["label"] or ""), radius, remark))
    output_console().print(table)


def _print_runs(runs: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table("run", "voxel size (Å)", "tomograms", "picks", "segmentations")
    for run in runs:
        sizes = sorted({tomogram["voxel_size_A"] for tomogram in run["tomograms"]})
        kinds = [
            ", ".join(sorted({each["kind"] for each in run["tomograms"] if each["voxel_size_A"] == size}))
            for size in sizes
        ]
        counts = [picks["count"] for picks in run["picks"]]
        picks = f"{len(counts)} sets" if None in counts else str(sum(counts))
        segmentations = ", ".join(sorted({each["name"] for each in run["segmentations"]}))
        shown = "\n".join(f"{size:.3f}" for size in sizes)
        table.add_row(*_plain(run["run"], shown, "\n".join(kinds), picks, segmentations))
    if runs:
        output_console().print(table)


def _print_picks(runs: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from cryogauge.io.copick.summary import count_picks

    rows = count_picks(runs)
    table = Table("object", "user", "session", "runs", "picks")
    for row in rows:
        table.add_row(*_plain(*("not counted" if value is None else str(value) for value in row.values())))
    if rows:
        output_console().print(table)


def _plain(*cells: str) -> "Iterator[Text]":
    """Names as they are, whatever brackets they hold."""
    from rich.text import Text

    return (Text(cell) for cell in cells)
