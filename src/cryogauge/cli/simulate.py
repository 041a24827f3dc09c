"""``cryogauge simulate``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cryogauge.cli.terminal import MARKUP, DebugOption, JsonOption, examples, print_json, tell

simulate_app = typer.Typer(
    help="Make ground truth: tilt series and tomograms of specimens that are known to the last molecule.",
    rich_markup_mode=MARKUP,
    epilog=examples("cryogauge simulate tilt-series --out cell --specimen cell --seed 1"),
)


@simulate_app.callback(invoke_without_command=True)
def _without_command(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


def _shape(text: str) -> tuple[int, int, int]:
    parts = text.split(",")
    if len(parts) != 3 or not all(part.strip().isdigit() and int(part) > 0 for part in parts):
        raise typer.BadParameter(f"'{text}' is not three positive numbers of voxels such as 128,512,512")
    z, y, x = (int(part) for part in parts)
    return z, y, x


@simulate_app.command(
    "tilt-series",
    epilog=examples(
        "cryogauge simulate tilt-series --out cell --specimen cell --seed 1",
        "cryogauge simulate tilt-series --out thin --size 96,512,512 --pixel-size 10 --thickness 60 --dose 80",
        "cryogauge simulate tilt-series --out ribosomes --density emd_1234.mrc --defocus 3",
    ),
)
def tilt_series(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results.")],
    specimen: Annotated[
        str, typer.Option("--specimen", metavar="KIND", help="Such as cell or lamella; a wrong name lists all.")
    ] = "cell",
    size: Annotated[
        tuple, typer.Option("--size", metavar="Z,Y,X", help="Size in voxels.", parser=_shape)
    ] = "128,512,512",  # type: ignore[assignment] the parser makes a tuple of it
    pixel_size: Annotated[float, typer.Option("--pixel-size", metavar="A", help="Edge of a voxel in Å.")] = 10.0,
    thickness: Annotated[float, typer.Option("--thickness", metavar="NM", help="Thickness of the ice in nm.")] = 80.0,
    dose: Annotated[float, typer.Option("--dose", metavar="E", help="Dose of the whole series in e⁻/Å².")] = 100.0,
    schedule: Annotated[
        Literal["dose-symmetric", "bidirectional", "unidirectional"],
        typer.Option("--schedule", help="Order in which the tilts are taken."),
    ] = "dose-symmetric",
    tilt_range: Annotated[
        float, typer.Option("--tilt-range", metavar="DEG", help="Largest tilt to either side.")
    ] = 60.0,
    tilt_step: Annotated[float, typer.Option("--tilt-step", metavar="DEG", help="Angle between tilts.")] = 3.0,
    defocus: Annotated[float, typer.Option("--defocus", metavar="UM", help="Underfocus in µm.")] = 4.0,
    voltage: Annotated[float, typer.Option("--voltage", metavar="KV", help="Accelerating voltage in kV.")] = 300.0,
    density: Annotated[
        list[Path] | None,
        typer.Option("--density", metavar="FILE", help="Density map (MRC) or model (PDB) to place; may be repeated."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="The same seed gives the same data.")] = 0,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Simulate one tilt series and its tomogram.

    Writes the stack with its .mdoc, .tlt and .xf, the tomogram, its halves, the true volume and the true positions.
    """
    from cryogauge.cli.score import make_folder
    from cryogauge.simulate import SimulationSettings, simulate_tilt_series

    settings = SimulationSettings(
        specimen=specimen,
        shape=size,
        voxel_size_A=pixel_size,
        thickness_nm=thickness,
        dose_e_A2=dose,
        schedule=schedule,
        tilt_range_deg=tilt_range,
        tilt_step_deg=tilt_step,
        defocus_A=defocus * 1e4,
        voltage_kV=voltage,
        densities=tuple(map(str, density or ())),
        seed=seed,
    )
    make_folder(out)
    _show(simulate_tilt_series(settings, out), as_json=as_json)


@simulate_app.command("dataset", epilog=examples("cryogauge simulate dataset recipe.yaml --out data --workers 2"))
def dataset(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="Recipe (YAML): ranges to draw from.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results.")],
    workers: Annotated[int, typer.Option("--workers", metavar="N", min=1, help="Tomograms at a time.")] = 1,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Simulate many tomograms, each of its own specimen and conditions, drawn as a recipe says."""
    from cryogauge.cli.score import make_folder
    from cryogauge.simulate import simulate_dataset

    make_folder(out)
    _show(simulate_dataset(recipe, out, workers), as_json=as_json)


def _show(written: dict[str, Path], *, as_json: bool) -> None:
    if as_json:
        print_json(written)
        return
    for what, path in written.items():
        print(f"{what}: {path}")
    tell(f"{len(written)} written")
