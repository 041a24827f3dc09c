"""``cryogauge simulate classes``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cryogauge.cli.options import DataSeedOption, make_folder
from cryogauge.cli.terminal import DebugOption, JsonOption, print_files

EXAMPLES = (
    "cryogauge simulate classes --out classes",
    "cryogauge simulate classes --out classes --count 1000 --workers 2",
    "cryogauge simulate classes --out mine --maps maps/ --classes 30",
    "cryogauge simulate classes --out relion --engine relion --count 4",
)


def classes(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder of the set; run again, it makes what is missing.")
    ],
    count: Annotated[int, typer.Option("--count", metavar="JOBS", min=1, help="How many jobs of 2-D classes.")] = 20,
    maps: Annotated[
        Path | None,
        typer.Option("--maps", metavar="DIR", help="Folder of maps (.mrc, .map) that particles are of; else made up."),
    ] = None,
    engine: Annotated[
        Literal["builtin", "relion"],
        typer.Option("--engine", help="Averages from the built-in model, or RELION's own 2-D classification."),
    ] = "builtin",
    number: Annotated[
        int | None, typer.Option("--classes", metavar="K", min=1, help="Classes a job; 10 to 50, or 10 of RELION's.")
    ] = None,
    seed: DataSeedOption = 0,
    workers: Annotated[int, typer.Option("--workers", metavar="N", min=1, help="Jobs at a time.")] = 1,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Simulate jobs of 2-D class averages, each average with the grade it deserves and why.

    Exits with 1 when some could not be made.
    """
    from cryogauge.cli.progress import resumable, show_progress
    from cryogauge.simulate.classes import ClassSetSettings
    from cryogauge.simulate.classes.batch import simulate_class_sets, write_set_sheet
    from cryogauge.simulate.classes.relion import RelionSettings
    from cryogauge.simulate.classes.structure import find_maps

    found = find_maps(maps) if maps else ()
    if engine == "relion":
        settings = RelionSettings(classes=number or 10, maps=found[:3])
    else:
        settings = ClassSetSettings(classes=(number, number) if number else (10, 50), maps=found)
    make_folder(out)
    with resumable(), show_progress(count, "jobs") as progress:
        advance = progress.counter(debug=debug)
        written = simulate_class_sets(out, count, settings, seed=seed, workers=workers, on_outcome=advance)
    if progress.failed < count:
        written |= {"sheet": write_set_sheet(out)}
    print_files(written, f"{count - progress.failed} of {count} jobs are in {out}", as_json=as_json)
    if progress.failed:
        raise typer.Exit(1)
