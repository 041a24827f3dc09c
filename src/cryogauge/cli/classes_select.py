"""``cryogauge classes select``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cryogauge.cli.options import DeviceOption, PixelSizeOption, make_folder, torch_device
from cryogauge.cli.terminal import DebugOption, JsonOption, print_json, tell

if TYPE_CHECKING:
    from cryogauge.classes.grade import Graded

EXAMPLES = (
    "cryogauge classes select graded --cutoff 3.5 --out selected",
    "cryogauge classes select graded --cutoff 2.5 --keep 3,17 --drop 5 --out selected",
    "cryogauge classes select Class2D/job012 --cutoff 3.5 --out selected",
)


def select(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="GRADES",
            help="Folder of `classes grade`; or a job of RELION or cryoSPARC, which is then graded first.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the particles.")],
    cutoff: Annotated[
        float, typer.Option("--cutoff", metavar="GRADE", help="Keep classes up to this grade; 1 is best, 5 worst.")
    ] = 3.5,
    keep: Annotated[str, typer.Option("--keep", metavar="N,N", help="Classes kept whatever their grade.")] = "",
    drop: Annotated[str, typer.Option("--drop", metavar="N,N", help="Classes dropped whatever their grade.")] = "",
    pixel_size: PixelSizeOption = None,
    model: Annotated[
        Path | None, typer.Option("--model", metavar="FILE", help="Weights to grade a job with, in place of ours.")
    ] = None,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Write the particles of good classes for the program they came from.

    RELION gets what its own job of selection writes, particles.star first; cryoSPARC a .cs and a result group to
    import. The particles of all other classes are written too, as excluded. selection.csv says which class was kept.
    """
    from cryogauge.classes.select import choose_classes, select_graded

    kept, dropped = _numbers(keep, "--keep"), _numbers(drop, "--drop")
    graded = _graded(source, out, pixel_size, model, device)
    choice = choose_classes(graded.grades, cutoff, keep=kept, drop=dropped)
    selected = select_graded(graded, choice, out)
    total = None if selected.particles is None else selected.particles + (selected.excluded or 0)
    if as_json:
        print_json(
            {
                "classes": list(selected.classes), "of": len(graded.grades), "cutoff": cutoff,
                "particles": selected.particles, "excluded": selected.excluded,
                "files": {name: str(path) for name, path in selected.files.items()}, "notes": list(selected.notes),
            }
        )  # fmt: skip
    else:
        for path in selected.files.values():
            print(path)
    for note in selected.notes:
        tell(note)
    told = f"{len(selected.classes)} of {len(graded.grades)} classes kept"
    if total:
        share = 100 * (selected.particles or 0) / total
        told += f": {selected.particles} of {total} particles ({share:.1f} %), {selected.excluded} left out"
    tell(told)


def _numbers(text: str, option: str) -> list[int]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isdecimal() for part in parts):
        raise typer.BadParameter(f"{option} takes numbers of classes such as 3,17, not '{text}'")
    return [int(part) for part in parts]


def _graded(source: Path, out: Path, pixel_size_A: float | None, model: Path | None, device: str) -> "Graded":
    """Grades from a folder that holds them, or made now and written into the folder of the selection."""
    from cryogauge.classes.grade import grade_path, write_grades
    from cryogauge.classes.select import GRADES, read_graded
    from cryogauge.records import BadInput

    folder = source.parent if source.name == GRADES else source
    if (folder / GRADES).is_file():
        if model is not None or pixel_size_A is not None:
            raise BadInput(f"{folder} is graded already", "leave --model and --pixel-size out, or give the job itself")
        return read_graded(folder)
    several = sorted(folder.glob(f"*/{GRADES}")) if (folder / "jobs.csv").is_file() else []
    if several:
        raise BadInput(f"{folder} holds the grades of several jobs", f"give one of them, such as {several[0].parent}")
    graded = grade_path(source, pixel_size_A=pixel_size_A, model=model, device=torch_device(device))
    make_folder(out)
    write_grades(out, graded)
    return graded
