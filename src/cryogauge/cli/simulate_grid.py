"""``cryogauge simulate grid``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cryogauge.cli.options import SettingsOption, make_folder
from cryogauge.cli.terminal import DebugOption, JsonOption, is_given, print_files

EXAMPLES = (
    "cryogauge simulate grid --out grid",
    "cryogauge simulate grid --out gold --pattern R1.2/1.3 --foil gold --mesh 300 --ice 30 --seed 7",
    "cryogauge simulate grid --out any --varied --seed 12",
    "cryogauge simulate grid --out lamellae --specimen lamellae --mesh 200 --pattern R2/1",
)

#: Settings by the option that sets each.
_FIELDS = {
    "mesh": "mesh",
    "pattern": "pattern",
    "foil": "foil",
    "ice": "ice_nm",
    "contamination": "contamination",
    "specimen": "specimen",
    "particles": "particles_um2",
    "mass": "particle_kDa",
    "map_": "particle_map",
}


def grid(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results.")],
    mesh: Annotated[int, typer.Option("--mesh", metavar="N", help="Squares per inch.")] = 300,
    pattern: Annotated[
        str,
        typer.Option("--pattern", metavar="NAME", help="Holes: R1.2/1.3 (diameter/gap), H0.3/0.3 (hexagonal), lacey."),
    ] = "R1.2/1.3",
    foil: Annotated[Literal["carbon", "gold"], typer.Option("--foil", help="What the foil is made of.")] = "carbon",
    ice: Annotated[
        float, typer.Option("--ice", metavar="NM", help="Thickness of ice in nm away from bars; near them it is more.")
    ] = 40,
    contamination: Annotated[
        float, typer.Option("--contamination", metavar="X", help="Ice crystals, ethane and dust; 1 is usual.")
    ] = 1.0,
    specimen: Annotated[
        Literal["particles", "cells", "lamellae"], typer.Option("--specimen", help="What is on the grid.")
    ] = "particles",
    particles: Annotated[
        float, typer.Option("--particles", metavar="N", help="Particles per µm² in ice of 40 nm.")
    ] = 900.0,
    mass: Annotated[float, typer.Option("--mass", metavar="KDA", help="Mass of the particle in kDa.")] = 460.0,
    map_: Annotated[
        Path | None, typer.Option("--map", metavar="FILE", help="Density map (MRC) of the particle; else made up.")
    ] = None,
    varied: Annotated[
        bool,
        typer.Option("--varied", help="Draw by the seed all that no option sets, from fine grids to lost ones."),
    ] = False,
    squares: Annotated[int, typer.Option("--squares", metavar="N", min=0, help="Images of squares.")] = 4,
    holes: Annotated[int, typer.Option("--holes", metavar="N", min=0, help="Images of groups of holes.")] = 4,
    exposures: Annotated[int, typer.Option("--exposures", metavar="N", min=0, help="Exposures.")] = 6,
    exposure_size: Annotated[
        int, typer.Option("--exposure-size", metavar="PX", min=256, max=8192, help="Edge of an exposure in pixels.")
    ] = 2048,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="The same seed gives the same grid.")] = 0,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Simulate a grid: images from the atlas to exposures, and what is true of every square and hole.

    Writes the images as MRC, tables of squares, holes, images and particles, and a page to look at. Run again after an
    interruption, it makes only the images that are missing.
    """
    from dataclasses import replace

    from cryogauge.simulate.grid import GridSettings
    from cryogauge.simulate.grid.product import read_grid_settings, simulate_grid
    from cryogauge.simulate.grid.varied import drawn_settings

    base, number = (GridSettings(), seed) if settings is None else read_grid_settings(settings)
    given = {field: context.params[name] for name, field in _FIELDS.items() if is_given(context, name)}
    chosen = replace(base, **given)
    if is_given(context, "seed"):
        number = seed
    if varied:
        chosen = drawn_settings(number, chosen, keep=frozenset(given))
    make_folder(out)
    written = simulate_grid(
        out, chosen, number, squares=squares, holes=holes, exposures=exposures, exposure_px=exposure_size
    )
    print_files(written, f"{len(written)} written", as_json=as_json)
