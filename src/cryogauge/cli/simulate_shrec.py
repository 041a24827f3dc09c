"""``cryogauge simulate shrec``."""

from pathlib import Path
from typing import Annotated

import typer

from cryogauge.cli.options import DataSeedOption, make_folder, parse_size
from cryogauge.cli.terminal import DebugOption, JsonOption, print_files

EXAMPLES = (
    "cryogauge simulate shrec --out shrec",
    "cryogauge simulate shrec --out small --count 2 --size 64,128,128",
    "cryogauge simulate shrec --out shrec --maps maps/ --maps more-maps/ --workers 2",
)


def shrec(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder of the set; run again, it makes what is missing.")
    ],
    count: Annotated[
        int, typer.Option("--count", metavar="N", min=1, help="How many tomograms; the last is the test.")
    ] = 10,
    size: Annotated[
        tuple, typer.Option("--size", metavar="Z,Y,X", help="Size in voxels of 10 Å.", parser=parse_size)
    ] = "180,512,512",  # type: ignore[assignment] the parser makes a tuple of it
    maps: Annotated[
        list[Path] | None,
        typer.Option(
            "--maps",
            metavar="DIR",
            help="Maps (MRC) named by PDB identifier; repeatable. Species without one get look-alikes.",
        ),
    ] = None,
    crowding: Annotated[
        float, typer.Option("--crowding", metavar="X", help="Particles relative to SHREC's numbers.")
    ] = 1.0,
    seed: DataSeedOption = 0,
    workers: Annotated[int, typer.Option("--workers", metavar="N", min=1, help="Tomograms at a time.")] = 1,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Simulate a set like those of the SHREC tracks, in the same files: twelve complexes, crowded, of known places.

    Exits with 1 when some could not be made.
    """
    from cryogauge.cli.progress import resumable, show_progress
    from cryogauge.simulate.shrec import ShrecSettings, simulate_shrec

    settings = ShrecSettings(shape=size, maps=tuple(maps or ()), crowding=crowding)
    make_folder(out)
    with resumable(), show_progress(count, "tomograms") as progress:
        advance = progress.counter(debug=debug)
        written = simulate_shrec(out, count, settings, seed=seed, workers=workers, on_outcome=advance)
    made = count - progress.failed
    print_files(written, f"{made} of {count} tomograms are in {out}; the test is model_{count - 1}", as_json=as_json)
    if progress.failed:
        raise typer.Exit(1)
