"""``cryogauge simulate phantom``."""

from pathlib import Path
from typing import Annotated

import typer

from cryogauge.cli.options import DataSeedOption, make_folder, parse_size
from cryogauge.cli.terminal import DebugOption, JsonOption, print_files

EXAMPLES = (
    "cryogauge simulate phantom --out phantoms --count 7",
    "cryogauge simulate phantom --out small --count 2 --size 64,128,128 --types wbp",
    "cryogauge simulate phantom --out phantoms --count 20 --maps maps/ --workers 2",
)


def phantom(
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="Folder of the copick project; run again, it makes what is missing."),
    ],
    count: Annotated[int, typer.Option("--count", metavar="N", min=1, help="How many tomograms.")],
    size: Annotated[
        tuple, typer.Option("--size", metavar="Z,Y,X", help="Size in voxels.", parser=parse_size)
    ] = "184,630,630",  # type: ignore[assignment] the parser makes a tuple of it
    voxel_size: Annotated[float, typer.Option("--voxel-size", metavar="A", help="Edge of a voxel in Å.")] = 10.012,
    maps: Annotated[
        Path | None,
        typer.Option(
            "--maps",
            metavar="DIR",
            help="Maps (MRC) named by object, PDB or EMD identifier; without, look-alikes are generated.",
        ),
    ] = None,
    crowding: Annotated[
        float, typer.Option("--crowding", metavar="X", help="Particles relative to the challenge's numbers.")
    ] = 1.0,
    types: Annotated[
        str,
        typer.Option("--types", metavar="LIST", help="Tomograms to write, of wbp, wbp-even, wbp-odd and ctfdeconv."),
    ] = "wbp,wbp-even,wbp-odd",
    seed: DataSeedOption = 0,
    workers: Annotated[int, typer.Option("--workers", metavar="N", min=1, help="Tomograms at a time.")] = 1,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Simulate tomograms like those of the CZII picking challenge, as a copick project with picks and masks.

    Its six species at the published counts, among albumin, lysate, membranes and filaments; 31 tilts within ±45° and
    62.9 e⁻/Å². Exits with 1 when some could not be made.
    """
    from cryogauge.cli.progress import resumable, show_progress
    from cryogauge.simulate.phantom import PhantomSettings, simulate_phantoms

    settings = PhantomSettings(shape=size, voxel_size_A=voxel_size, maps=maps, crowding=crowding)
    kinds = tuple(kind.strip() for kind in types.split(",") if kind.strip())
    make_folder(out)
    with resumable(), show_progress(count, "phantoms") as progress:
        advance = progress.counter(debug=debug)
        written = simulate_phantoms(out, count, settings, seed=seed, kinds=kinds, workers=workers, on_outcome=advance)
    print_files(written, f"{count - progress.failed} of {count} phantoms are in {out}", as_json=as_json)
    if progress.failed:
        raise typer.Exit(1)
