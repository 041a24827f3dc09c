"""``cryogauge reconstruct``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cryogauge.cli.terminal import DebugOption, JsonOption, print_json, tell


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
    voxel_size: Annotated[
        float | None, typer.Option("--voxel-size", metavar="A", help="Voxel of the tomograms; by default the pixel.")
    ] = None,
    thickness: Annotated[
        float, typer.Option("--thickness", metavar="NM", help="Extent of the tomograms along the beam.")
    ] = 300.0,
    filter_: Annotated[
        Literal["ramp", "exact", "sirt"], typer.Option("--filter", help="Filter of the reconstruction.")
    ] = "ramp",
    align: Annotated[
        Literal["auto", "aretomo", "imod", "preview"],
        typer.Option("--align", help="What aligns a series that is not: AreTomo or IMOD if installed, else a preview."),
    ] = "auto",
    alignment: Annotated[
        Path | None, typer.Option("--alignment", metavar="FILE", help="Which alignment, where there are several.")
    ] = None,
    gain: Annotated[
        Path | None, typer.Option("--gain", metavar="FILE", help="Gain reference of images or movies not corrected.")
    ] = None,
    pixel_size: Annotated[
        float | None, typer.Option("--pixel-size", metavar="A", help="Pixel of the images, where the files do not say.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", metavar="N", min=1, help="Tilt series at a time.")] = 1,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Reconstruct tomograms from tilt series with the alignment they have.

    An alignment is taken over, never redone. Tomograms of cryogauge's own coarse alignment are named ..._preview.mrc.
    Exits with 1 when some could not be made.
    """
    from cryogauge.cli.progress import show_progress
    from cryogauge.cli.score import make_folder
    from cryogauge.io import find_tilt_series
    from cryogauge.score.reconstructed import ReconstructItem, ReconstructSettings, reconstruct_batch

    chosen, gain_file = (None if path is None else str(path.absolute()) for path in (alignment, gain))
    settings = ReconstructSettings(voxel_size, thickness, filter_, align, chosen, pixel_size, gain_file)
    items = [ReconstructItem(each.name, each.uri, out.absolute(), settings) for each in find_tilt_series(paths)]
    make_folder(out)
    made, failed = {}, []
    try:
        with show_progress(len(items), "tilt series") as progress:
            for outcome in reconstruct_batch(items, out, workers=workers):
                progress.advance(failed=outcome.failure is not None, worked=outcome.state != "already_done")
                if outcome.failure is None:
                    made[outcome.item.name] = {**outcome.row, "file": str(out / outcome.row["file"])}
                    continue
                failure = outcome.failure
                failed.append({"series": outcome.item.name, "message": failure.message, "hint": failure.hint})
                if debug and failure.traceback:
                    progress.say(failure.traceback.rstrip())
                progress.say(f"failed: {outcome.item.name}: {failure.message}")
                if failure.hint:
                    progress.say(f"hint: {failure.hint}")
    except KeyboardInterrupt:
        tell("interrupted: what was done is kept; run the same command again to go on")
        raise typer.Exit(130) from None
    if as_json:
        print_json({"tomograms": made, "failed": failed})
    else:
        for name in sorted(made):
            row = made[name]
            print(f"{row['file']}: {' × '.join(map(str, row['shape']))} voxels of {row['voxel_size_A']:.2f} Å, "
                  f"aligned by {row['alignment']}")  # fmt: skip
    if failed:
        raise typer.Exit(1)
