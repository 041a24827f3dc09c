"""Options that several commands have in common, most of them about tilt series."""

import math
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

PathsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="PATHS...",
        help="Tomograms, folders of them, globs, .txt lists of paths, or a copick configuration.",
        show_default=False,
    ),
]
DeviceOption = Annotated[Literal["auto", "cpu", "cuda"], typer.Option("--device", help="Where the network runs.")]
TomogramWorkersOption = Annotated[
    int, typer.Option("--workers", metavar="N", min=1, help="Tomograms at a time; one takes all cores by itself.")
]
HostOption = Annotated[
    str, typer.Option("--host", help="Name or address to serve at; other than this machine needs --token.")
]
PortOption = Annotated[int, typer.Option("--port", min=0, max=65535, help="TCP port; 0 takes a free one.")]
TokenOption = Annotated[
    str | None,
    typer.Option("--token", envvar="CRYOGAUGE_TOKEN", help="Secret that every visitor needs.", show_default=False),
]
BrowserOption = Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")]


def _positive(value: float | None) -> float | None:
    if value is not None and not (math.isfinite(value) and value > 0):
        raise typer.BadParameter("give a positive number of Å")
    return value


PixelSizeOption = Annotated[
    float | None,
    typer.Option(
        "--pixel-size", metavar="A", help="Edge of a voxel in Å, where the files do not say.", callback=_positive
    ),
]


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
