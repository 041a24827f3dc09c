"""``cryogauge collect import``, ``check`` and ``export``: sessions as open data sets."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cryogauge.cli.terminal import DebugOption, JsonOption, complain, print_json, tell

IMPORT_EXAMPLES = (
    "cryogauge collect import grid1.nav maps.mrc.mdoc --out shared --grid grid1 --mesh 300 --hole-diameter 1.2",
    "cryogauge collect import EPU_session/ --out shared --licence CC-BY-4.0",
)
CHECK_EXAMPLES = ("cryogauge collect check shared",)
EXPORT_EXAMPLES = (
    "cryogauge collect export shared --to nav --out targets.nav",
    "cryogauge collect export shared --to nav --by-shift 8 --out targets.nav",
)
_MOST_NOTES = 10

DatasetArgument = Annotated[
    Path, typer.Argument(metavar="DATASET", help="Folder with dataset.json.", show_default=False)
]
GridOption = Annotated[str | None, typer.Option("--grid", metavar="NAME", help="The grid, by its name.")]


def import_dataset(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="SOURCE...",
            help="SerialEM's .nav and .mdoc, folders of EPU and Leginon, SmartScope's exports, CryoRL's tables.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the data set; must be new or empty.")],
    grid: GridOption = None,
    mesh: Annotated[int | None, typer.Option("--mesh", metavar="N", min=1, help="Bars an inch of the grids.")] = None,
    hole_diameter: Annotated[
        float | None, typer.Option("--hole-diameter", metavar="UM", min=1e-3, help="Of the holes in the film.")
    ] = None,
    pitch: Annotated[
        float | None, typer.Option("--pitch", metavar="UM", min=1e-3, help="Distance of neighbouring holes' centres.")
    ] = None,
    title: Annotated[str | None, typer.Option("--title", help="What readers see.")] = None,
    licence: Annotated[str, typer.Option("--licence", metavar="SPDX", help="Such as CC0-1.0 or CC-BY-4.0.")] = "",
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Make an open data set of a session: grids, images and where they lie in one another, labels, measurements.

    Writes dataset.json, five tables as Parquet, and the pixels, where their files are there, as OME-Zarr. What cannot
    be used is left out and named. Exits with 1 when something was left out that is damaged.
    """
    from dataclasses import replace

    from cryogauge.io.session import import_session, with_grid, write_session

    session = import_session(sources, grid)
    known = {"mesh_per_inch": mesh, "hole_diameter_um": hole_diameter, "hole_pitch_um": pitch}
    session = with_grid(session, **known)
    about = replace(session.about, title=title or session.about.title, licence=licence)
    written = write_session(out, replace(session, about=about))
    counts = {name: len(written.table(name)) for name in ("grids", "images", "places", "labels", "measurements")}
    counts["images_with_pixels"] = int((written.images["file"] != "").sum())
    notes = written.about.notes
    if as_json:
        print_json({"out": out, **counts, "notes": list(notes)})
    for note in notes[:_MOST_NOTES]:
        tell(f"note: {note}")
    if len(notes) > _MOST_NOTES:
        tell(f"note: {len(notes) - _MOST_NOTES} more notes stand in {out / 'dataset.json'}")
    tell(", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items()) + f" in {out}")
    if any("left out: " in note or "goes without pixels" in note for note in notes):
        raise typer.Exit(1)


def check(
    dataset: DatasetArgument,
    pixels: Annotated[bool, typer.Option("--pixels/--no-pixels", help="Whether to look into the images too.")] = True,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Check a data set: every fault by file, row and column, and how to mend it. Exits with 1 when there is any."""
    from dataclasses import asdict

    from cryogauge.io.session import check_session

    faults = check_session(dataset, pixels=pixels)
    if as_json:
        print_json({"dataset": dataset, "faults": [asdict(fault) for fault in faults]})
    else:
        for fault in faults:
            print(f"{fault}; {fault.mend}")
    if faults:
        complain(f"{dataset} has {len(faults)} fault{'s' if len(faults) > 1 else ''}")
        raise typer.Exit(1)
    tell(f"{dataset} is sound")


def export(
    dataset: DatasetArgument,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The file to write.")],
    to: Annotated[Literal["nav"], typer.Option("--to", help="nav: SerialEM's Navigator file.")] = "nav",
    grid: GridOption = None,
    by_shift: Annotated[
        float | None,
        typer.Option("--by-shift", metavar="UM", help="Group holes that image shift reaches from one stage place."),
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Write the places and images of a grid for a microscope program."""
    from cryogauge.collect.targets.shift_groups import grouped_places
    from cryogauge.io.session import export_nav, read_session

    session = read_session(dataset)
    groups = None if by_shift is None else grouped_places(session, by_shift)
    count = export_nav(out, session, grid, groups)
    tell(f"{count} items in {out}" + (f", {len(set(groups.values()))} groups" if groups is not None else ""))
