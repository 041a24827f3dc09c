"""What several commands have in common: options, how they are read, and the output folder."""

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
StageMinutesOption = Annotated[
    float, typer.Option("--stage-minutes", metavar="MIN", min=0.1, help="Stop after about this long.")
]
ResultsOption = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Folder for the results; run again, it does only what is missing.")
]
SettingsOption = Annotated[
    Path | None,
    typer.Option("--settings", metavar="FILE", help="settings.json of an earlier run; options change its values."),
]
SliceModelOption = Annotated[
    str, typer.Option("--model", metavar="NAME", help="compact, resnet101, or a .safetensors file of weights.")
]
SliceWeightsOption = Annotated[
    Path | None,
    typer.Option("--weights", metavar="FILE", help="Weights (.safetensors) for a model that ships without."),
]
OtherWeightsOption = Annotated[
    Path | None,
    typer.Option("--model", metavar="FILE", help="Weights (.safetensors) in place of those that come along."),
]
ClassesArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="PATHS...",
        help="2-D classifications: RELION or cryoSPARC job folders, their files, EMAN2 or plain stacks.",
        show_default=False,
    ),
]
MassOption = Annotated[
    Path | None,
    typer.Option("--mass", metavar="FILE", help="Calibration by `classes calibrate-mass`; else the published one."),
]
TurnsOption = Annotated[
    bool, typer.Option("--turns", help="Average over half turns of the tomogram: better, at four times the cost.")
]
DataSeedOption = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="The same seed gives the same data.")]


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


def make_folder(out: Path) -> None:
    """Make the output folder; raises ``BadInput`` where that cannot be."""
    from cryogauge.records import BadInput

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or "refused").lower()
        raise BadInput(f"cannot make the folder {out}: {reason}", "give another folder by --out") from error


def torch_device(wanted: str) -> str:
    """The device that `--device` means here."""
    if wanted != "auto":
        return wanted
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def parse_size(text: str) -> tuple[int, int, int]:
    """Three numbers of voxels, parted by commas."""
    parts = text.split(",")
    if len(parts) != 3 or not all(part.strip().isdigit() and int(part) > 0 for part in parts):
        raise typer.BadParameter(f"'{text}' is not three positive numbers of voxels such as 128,512,512")
    z, y, x = (int(part) for part in parts)
    return z, y, x


def parse_place(text: str, example: str) -> tuple[str, str]:
    """``USER/SESSION`` of ``--save-as``; raises ``BadInput`` for anything else, with an example."""
    from cryogauge.records import BadInput

    user, slash, session = text.partition("/")
    if not (user and slash and session):
        raise BadInput(f"--save-as {text} names no user and session", f"write USER/SESSION, such as {example}")
    return user, session
