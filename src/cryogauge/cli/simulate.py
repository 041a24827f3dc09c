"""``cryogauge simulate``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cryogauge.cli.label_noise import EXAMPLES as LABEL_NOISE_EXAMPLES
from cryogauge.cli.label_noise import label_noise
from cryogauge.cli.options import DataSeedOption, FilterOption, SettingsOption, make_folder, parse_size
from cryogauge.cli.phantom import EXAMPLES as PHANTOM_EXAMPLES
from cryogauge.cli.phantom import phantom
from cryogauge.cli.simulate_classes import EXAMPLES as CLASSES_EXAMPLES
from cryogauge.cli.simulate_classes import classes
from cryogauge.cli.simulate_grid import EXAMPLES as GRID_EXAMPLES
from cryogauge.cli.simulate_grid import grid
from cryogauge.cli.simulate_shrec import EXAMPLES as SHREC_EXAMPLES
from cryogauge.cli.simulate_shrec import shrec
from cryogauge.cli.terminal import MARKUP, DebugOption, JsonOption, examples, help_alone, is_given, print_files

simulate_app = typer.Typer(
    help="Make ground truth: tilt series, tomograms, class averages and grids that are known to the last molecule.",
    rich_markup_mode=MARKUP,
    epilog=examples("cryogauge simulate tilt-series --out cell --specimen cell --seed 1"),
)
simulate_app.callback(invoke_without_command=True)(help_alone)


#: Parameters of ``tilt-series`` by what they set; in the options' own units but for the defocus.
_FIELDS = {
    "specimen": "specimen",
    "size": "shape",
    "pixel_size": "voxel_size_A",
    "thickness": "thickness_nm",
    "slab_tilt": "slab_tilt_deg",
    "dose": "dose_e_A2",
    "schedule": "schedule",
    "tilt_range": "tilt_range_deg",
    "tilt_step": "tilt_step_deg",
    "defocus": "defocus_A",
    "voltage": "voltage_kV",
    "slit": "energy_filter",
    "misalignment": "misalignment_A",
    "frames": "frames",
    "keep_frames": "keep_frames",
    "filter_": "filter",
    "density": "densities",
    "seed": "seed",
}


@simulate_app.command(
    "tilt-series",
    epilog=examples(
        "cryogauge simulate tilt-series --out cell --specimen cell --seed 1",
        "cryogauge simulate tilt-series --out thin --size 96,512,512 --pixel-size 10 --thickness 60 --dose 80",
        "cryogauge simulate tilt-series --out ribosomes --density emd_1234.mrc --defocus 3",
    ),
)
def tilt_series(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results.")],
    specimen: Annotated[
        str, typer.Option("--specimen", metavar="KIND", help="Such as cell or lamella; a wrong name lists all.")
    ] = "cell",
    size: Annotated[
        tuple, typer.Option("--size", metavar="Z,Y,X", help="Size in voxels.", parser=parse_size)
    ] = "128,512,512",  # type: ignore[assignment] the parser makes a tuple of it
    pixel_size: Annotated[float, typer.Option("--pixel-size", metavar="A", help="Edge of a voxel in Å.")] = 10.0,
    thickness: Annotated[float, typer.Option("--thickness", metavar="NM", help="Thickness of the ice in nm.")] = 80.0,
    slab_tilt: Annotated[
        float, typer.Option("--slab-tilt", metavar="DEG", help="Tilt of the ice against the volume.")
    ] = 0.0,
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
    slit: Annotated[
        bool, typer.Option("--slit/--no-slit", help="Energy filter: count only electrons that lost no energy.")
    ] = True,
    misalignment: Annotated[
        float, typer.Option("--misalignment", metavar="A", min=0, help="Shifts the alignment missed, sd in Å.")
    ] = 0.0,
    frames: Annotated[int, typer.Option("--frames", metavar="N", min=2, help="Dose fractions of each tilt.")] = 8,
    keep_frames: Annotated[bool, typer.Option("--keep-frames", help="Write the dose fractions too.")] = False,
    filter_: FilterOption = "ramp",
    density: Annotated[
        list[Path] | None,
        typer.Option("--density", metavar="FILE", help="Density map (MRC) or model (PDB, mmCIF) to place; repeatable."),
    ] = None,
    seed: DataSeedOption = 0,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Simulate one tilt series and its tomogram.

    Writes the stack with its .mdoc, .tlt and .xf, the tomogram, its halves, the true volume and positions, and the
    score that every slice deserves.
    """
    from dataclasses import replace

    from cryogauge.simulate import SimulationSettings, read_settings, simulate_tilt_series

    values = {field: context.params[name] for name, field in _FIELDS.items()}
    values |= {"defocus_A": defocus * 1e4, "densities": tuple(map(str, density or ()))}
    if settings is None:
        chosen = SimulationSettings(**values)
    else:
        given = {field: values[field] for name, field in _FIELDS.items() if is_given(context, name)}
        chosen = replace(read_settings(settings), **given)
    make_folder(out)
    written = simulate_tilt_series(chosen, out)
    print_files(written, f"{len(written)} written", as_json=as_json)


@simulate_app.command(
    "dataset",
    epilog=examples(
        "cryogauge simulate dataset example --out data",
        "cryogauge simulate dataset recipe.yaml --out data --workers 2 --count 100",
    ),
)
def dataset(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="Recipe (YAML): ranges to draw from; or the name of a bundled one.")
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder for the results; run again, it makes what is missing.")
    ],
    workers: Annotated[int, typer.Option("--workers", metavar="N", min=1, help="Tomograms at a time.")] = 1,
    count: Annotated[
        int | None, typer.Option("--count", metavar="N", min=1, help="How many tomograms, in place of the recipe's.")
    ] = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Simulate many tomograms, each of its own specimen and conditions, drawn as a recipe says.

    Exits with 1 when some could not be made.
    """
    from cryogauge.cli.progress import resumable, show_progress
    from cryogauge.simulate import find_recipe, read_recipe, simulate_dataset

    total = count or read_recipe(find_recipe(recipe)).count
    make_folder(out)
    with resumable(), show_progress(total, "tomograms") as progress:
        advance = progress.counter(debug=debug)
        written = simulate_dataset(recipe, out, workers, count=count, on_outcome=advance)
    print_files(written, f"{len(written)} written", as_json=as_json)
    if progress.failed:
        raise typer.Exit(1)


simulate_app.command("phantom", epilog=examples(*PHANTOM_EXAMPLES))(phantom)
simulate_app.command("shrec", epilog=examples(*SHREC_EXAMPLES))(shrec)
simulate_app.command("classes", epilog=examples(*CLASSES_EXAMPLES))(classes)
simulate_app.command("grid", epilog=examples(*GRID_EXAMPLES))(grid)
simulate_app.command("label-noise", epilog=examples(*LABEL_NOISE_EXAMPLES))(label_noise)
