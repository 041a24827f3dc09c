"""``cryogauge reconstruct``."""

from pathlib import Path
from typing import Annotated

import typer

from cryogauge.cli.options import (
    AlignmentOption,
    AlignOption,
    FilterOption,
    GainOption,
    SeriesWorkersOption,
    ThicknessOption,
    VoxelOption,
    make_folder,
    whole_path,
)
from cryogauge.cli.terminal import DebugOption, JsonOption, print_json


def reconstruct(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATHS...",
            help="Tilt series: stacks, .mdoc, RELION STAR, Warp XML, folders, globs.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="Folder for the tomograms; run again, it makes what is missing."),
    ],
    voxel_size: VoxelOption = None,
    thickness: ThicknessOption = 300.0,
    filter_: FilterOption = "ramp",
    align: AlignOption = "auto",
    alignment: AlignmentOption = None,
    gain: GainOption = None,
    pixel_size: Annotated[
        float | None, typer.Option("--pixel-size", metavar="A", help="Pixel of the images, where the files do not say.")
    ] = None,
    workers: SeriesWorkersOption = 1,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Reconstruct tomograms from tilt series with the alignment they have.

    An alignment is taken over, never redone. Tomograms of cryogauge's own coarse alignment are named ..._preview.mrc.
    Exits with 1 when some could not be made.
    """
    from cryogauge.cli.progress import run_shown, series_failures
    from cryogauge.io import find_tilt_series
    from cryogauge.score.reconstructed import ReconstructItem, ReconstructSettings, reconstruct_batch

    settings = ReconstructSettings(
        voxel_size, thickness, filter_, align, whole_path(alignment), pixel_size, whole_path(gain)
    )
    items = [ReconstructItem(each.name, each.uri, out.absolute(), settings) for each in find_tilt_series(paths)]
    make_folder(out)
    done, failures = run_shown(reconstruct_batch(items, out, workers=workers), len(items), "tilt series", debug=debug)
    made = {each.item.name: {**each.row, "file": str(out / each.row["file"])} for each in done}
    if as_json:
        print_json({"tomograms": made, "failed": series_failures(failures)})
    else:
        for name in sorted(made):
            row = made[name]
            print(f"{row['file']}: {' × '.join(map(str, row['shape']))} voxels of {row['voxel_size_A']:.2f} Å, "
                  f"aligned by {row['alignment']}")  # fmt: skip
    if failures:
        raise typer.Exit(1)
