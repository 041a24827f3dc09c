"""``cryogauge pick average``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cryogauge.cli.options import PathsArgument, PixelSizeOption, make_folder
from cryogauge.cli.terminal import DebugOption, JsonOption, complain, print_json, tell

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from cryogauge.io import TomogramSource
    from cryogauge.pick.average import Averaged
    from cryogauge.records import Volume
    from cryogauge.report import Failure

EXAMPLES = (
    "cryogauge pick average tomograms/ --picks picked/picks.csv --object ribosome --out ribosomes",
    "cryogauge pick average copick.json --type denoised --user alice --object ribosome --from-angles --out ribosomes",
    "cryogauge pick average copick.json --object thyroglobulin --mask --save-as average/1 --out thyroglobulin",
    "cryogauge pick average TS_01.mrc --picks picks.star --object atpase --radius 90 --tilt-range 60 --out atpase",
)


def average(
    paths: PathsArgument,
    object_: Annotated[
        str, typer.Option("--object", metavar="NAME", help="The kind of particle, as the picks call it.")
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder for the average, its table and the report.")
    ],
    picks: Annotated[
        Path | None,
        typer.Option(
            "--picks", metavar="FILE", help="Picks in any form `pick convert` reads; by default the copick project's."
        ),
    ] = None,
    user: Annotated[str | None, typer.Option("--user", metavar="NAME", help="Whose picks of a copick project.")] = None,
    session: Annotated[
        str | None, typer.Option("--session", metavar="NAME", help="Which session's picks of a copick project.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Type of a copick project's tomograms to cut from.")
    ] = None,
    radius: Annotated[
        float | None,
        typer.Option(
            "--radius",
            metavar="A",
            min=1.0,
            help="Of the particle; by default as the project or the challenge has it for an object of that name.",
        ),
    ] = None,
    box: Annotated[
        int | None,
        typer.Option(
            "--box", metavar="N", min=9, help="Edge of the boxes in voxels, made odd; three radii by default."
        ),
    ] = None,
    tilt_range: Annotated[
        float | None,
        typer.Option(
            "--tilt-range",
            metavar="DEG",
            min=1.0,
            max=89.0,
            help="The tilts reached from minus to plus this; measured in each tomogram by default.",
        ),
    ] = None,
    from_angles: Annotated[
        bool,
        typer.Option("--from-angles", help="Start from the picks' rot, tilt, psi; otherwise orientations are found."),
    ] = False,
    most: Annotated[
        int | None,
        typer.Option("--most", metavar="N", min=2, help="Take no more picks than this, those of highest score."),
    ] = None,
    mask: Annotated[
        bool,
        typer.Option("--mask", help="Write the particle's shape to masks/, for `train picker --maps`."),
    ] = False,
    boxes: Annotated[
        bool, typer.Option("--boxes", help="Write the boxes to boxes/, a file each, with RELION's table of them.")
    ] = False,
    save_as: Annotated[
        str | None,
        typer.Option(
            "--save-as", metavar="USER/SESSION", help="Write the picks as they were found to lie into the project."
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Draws the halves and the random starts.")] = 0,
    pixel_size: PixelSizeOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Average the particles of one kind, to see whether picks are of one thing, and of what.

    Writes average.mrc, half1.mrc, half2.mrc, fsc.csv, particles.csv (places, angles and scores as found) and
    report.html. Protein is bright in all of them. Exits with 1 when some tomograms could not be used.
    """
    from cryogauge.cli.pick import save_place
    from cryogauge.cli.progress import resumable
    from cryogauge.cli.score import find_sources
    from cryogauge.cli.tables import write_failures
    from cryogauge.pick.average import (
        AverageOrder,
        average_picks,
        mask_from_average,
        verdict,
        write_average,
        write_boxes,
        write_mask,
    )
    from cryogauge.pick.batch import choose

    project, to_user, to_session = save_place(paths, save_as)
    sources = choose(find_sources(paths, out), kind)
    table = _picks(paths, picks, object_, user, session)
    order = AverageOrder(object_, radius or _radius(paths, object_), box, tilt_range, from_angles, most, seed)
    names = set(table.loc[table["object"] == object_, "tomogram"].astype(str))
    volumes, failures = _open([each for each in sources if each.name in names] or sources, pixel_size, debug=debug)
    if project is not None:
        from cryogauge.io.copick import check_saving, open_project

        check_saving(open_project(project), list(volumes), [object_], user=to_user, session=to_session)
    make_folder(out)
    write_failures(out / "failed.csv", failures)
    with resumable("nothing was written; run the same command again"):
        averaged = average_picks(volumes, table, order, say=tell)
    report = write_average(out, averaged, failures, _used(averaged, picks, paths))
    written = {"out": out, "report": report}
    if mask:
        shape = mask_from_average(averaged.halves.average, averaged.voxel_size_A, order.radius_A)
        written["mask"] = write_mask(out / "masks", object_, shape, averaged.voxel_size_A)
    if boxes:
        whole = averaged.picks[averaged.picks["averaged"]]
        edge = len(averaged.halves.average) + 1  # an even one
        written["boxes"] = write_boxes(
            out / "boxes", volumes, whole, edge, radius_px=order.radius_A / averaged.voxel_size_A,
            invert=averaged.halves.dark,
        )  # fmt: skip
    if project is not None:
        from cryogauge.io.copick import open_project, write_project_picks

        files = write_project_picks(open_project(project), averaged.picks, user=to_user, session=to_session)
        tell(f"{files} files of picks written into {project}")
    curve = averaged.halves.correlation
    found = {
        "resolution_A": averaged.resolution_A,
        "resolution_at_0.5_A": curve.resolution_A(0.5),
        "fsc_area": curve.area,
    }
    counts = {
        "averaged": averaged.count, "aligned": len(averaged.picks), "outside": averaged.outside, "flat": averaged.flat,
    }  # fmt: skip
    if as_json:
        failed = [{"tomogram": each.tomogram, "message": each.message} for each in failures]
        print_json({**found, **counts, "seconds": round(averaged.seconds, 1), "failed": failed, **written})
    else:
        for name, path in written.items():
            if name != "out":
                print(path)
    left = averaged.outside + averaged.flat
    tell(f"{averaged.count} of {len(averaged.picks) + left} particles averaged. {verdict(averaged)}")
    if failures:
        raise typer.Exit(1)


def _picks(
    paths: "Sequence[str]", picks: Path | None, name: str, user: str | None, session: str | None
) -> "pd.DataFrame":
    """The picks of a file, or of the copick project named; raises ``BadInput`` for neither."""
    from cryogauge.io.copick import open_project, read_project_picks
    from cryogauge.io.picks import read_picks_as
    from cryogauge.records import BadInput

    config = _project_of(paths)
    if picks is not None:
        if user or session:
            raise BadInput(
                "--user and --session choose picks of a copick project, not of a file", "give one or the other"
            )
        table = read_picks_as(picks, objects={0: name})
        if name not in set(table["object"]):
            raise BadInput(
                f"{picks} holds no {name}", f"it holds {', '.join(sorted(set(table['object']))) or 'nothing'}"
            )
        return table
    if config is None:
        raise BadInput("no picks are given", "give a file by --picks, or one copick configuration as PATHS")
    table = read_project_picks(open_project(config), user=user, session=session, objects=[name])
    makers = sorted(set(table["user"] + "/" + table["session"]))
    if len(makers) > 1:
        raise BadInput(
            f"{config} has picks of {name} of several users or sessions: {', '.join(makers)}",
            "say by --user and --session whose to average",
        )
    return table


def _project_of(paths: "Sequence[str]") -> str | None:
    from cryogauge.io.copick import PREFIX, is_config

    config = paths[0].removeprefix(PREFIX).partition("#")[0]
    return config if len(paths) == 1 and is_config(Path(config)) else None


def _radius(paths: "Sequence[str]", name: str) -> float:
    """Radius of an object as the project or the challenge has it."""
    from cryogauge.io.copick import open_project
    from cryogauge.records import CZII_OBJECTS, BadInput

    config = _project_of(paths)
    known = (*(open_project(config).objects if config else ()), *CZII_OBJECTS)
    found = next((each.radius_A for each in known if each.name == name), None)
    if found is None:
        raise BadInput(f"the radius of {name} is not known", "give it in Å by --radius")
    return found


def _open(
    sources: "Iterable[TomogramSource]", pixel_size: float | None, *, debug: bool
) -> "tuple[dict[str, Volume], list[Failure]]":
    """The tomograms that can be opened, by name, and what is wrong with the others."""
    from cryogauge.io import open_volume
    from cryogauge.records.errors import CryogaugeError
    from cryogauge.report import Failure

    volumes, failures, last = {}, [], None
    for source in sources:
        try:
            volumes[source.name] = open_volume(source.uri, pixel_size_A=pixel_size)
        except CryogaugeError as error:
            last = error
            failures.append(Failure(source.name, error.message, error.hint))
            complain(f"{source.name}: {error.message}", error.hint)
    if last is not None and (debug or not volumes):
        raise last
    return volumes, failures


def _used(averaged: "Averaged", picks: Path | None, paths: "Sequence[str]") -> dict[str, object]:
    from cryogauge import __version__

    order, edge = averaged.order, len(averaged.halves.average)
    return {
        "picks": str(picks or paths[0]),
        "object": order.object_name,
        "radius_A": order.radius_A,
        "box": f"{edge} voxels of {averaged.voxel_size_A:g} Å",
        "start": "the picks' angles" if order.from_angles else "nothing: random orientations",
        "protein": "dark in the tomograms, inverted" if averaged.halves.dark else "bright in the tomograms",
        "seed": order.seed,
        "seconds": round(averaged.seconds),
        "version": __version__,
    }
