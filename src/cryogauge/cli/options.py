"""Options that several commands have in common, most of them about tilt series."""

from pathlib import Path
from typing import Annotated, Literal

import typer

VoxelOption = Annotated[
    float | None, typer.Option("--voxel-size", metavar="A", help="Voxel of the tomograms; by default the pixel.")
]
ThicknessOption = Annotated[
    float, typer.Option("--thickness", metavar="NM", help="Extent of the tomograms along the beam.")
]
FilterOption = Annotated[
    Literal["ramp", "exact", "sirt"], typer.Option("--filter", help="Filter of the reconstruction.")
]
AlignOption = Annotated[
    Literal["auto", "aretomo", "imod", "preview"],
    typer.Option("--align", help="What aligns a series that is not: AreTomo or IMOD if installed, else a preview."),
]
AlignmentOption = Annotated[
    Path | None, typer.Option("--alignment", metavar="FILE", help="Which alignment, where there are several.")
]
GainOption = Annotated[
    Path | None,
    typer.Option("--gain", metavar="FILE", help="Gain reference of tilt images or movies that are not corrected."),
]
SeriesWorkersOption = Annotated[int, typer.Option("--workers", metavar="N", min=1, help="Tilt series at a time.")]


def whole_path(path: Path | None) -> str | None:
    """A path as the settings of a batch hold it: workers may run in another folder."""
    return None if path is None else str(path.absolute())


def parse_size(text: str) -> tuple[int, int, int]:
    """Three numbers of voxels, parted by commas."""
    parts = text.split(",")
    if len(parts) != 3 or not all(part.strip().isdigit() and int(part) > 0 for part in parts):
        raise typer.BadParameter(f"'{text}' is not three positive numbers of voxels such as 128,512,512")
    z, y, x = (int(part) for part in parts)
    return z, y, x
