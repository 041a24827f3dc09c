"""``cryogauge classes grade`` and ``cryogauge classes calibrate-mass``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cryogauge.cli.options import (
    ClassesArgument,
    DeviceOption,
    MassOption,
    OtherWeightsOption,
    PixelSizeOption,
    make_folder,
    torch_device,
)
from cryogauge.cli.terminal import DebugOption, JsonOption, print_json, tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryogauge.classes.grade import Graded

EXAMPLES = (
    "cryogauge classes grade Class2D/job012 --out graded",
    "cryogauge classes grade J42 J57 --out graded --json",
    "cryogauge classes grade averages.mrcs --pixel-size 2.1 --out graded",
)
CALIBRATE_EXAMPLES = ("cryogauge classes calibrate-mass known.csv --out mass.json",)


def grade(
    paths: ClassesArgument,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder for grades; one within it for each of several.")
    ],
    pixel_size: PixelSizeOption = None,
    iteration: Annotated[
        int | None, typer.Option("--iteration", metavar="N", min=0, help="Iteration of a job; the last by default.")
    ] = None,
    model: OtherWeightsOption = None,
    mass: MassOption = None,
    prior_offset: Annotated[
        bool,
        typer.Option("--prior-offset", help="Put the grade into rlnClassPriorOffsetY, where CryoSift's own tools do."),
    ] = False,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Grade class averages from 1, the best, to 5, the worst, and say why a class is poor.

    Writes grades.csv, classes_graded.star (for relion_display), report.html and grades.json; of several inputs into a
    folder each, and jobs.csv with a row an input. Exits with 1 when an input could not be graded.
    """
    import pandas as pd

    from cryogauge.classes.grade import write_grades
    from cryogauge.classes.mass import PUBLISHED_FACTOR, read_mass_factor
    from cryogauge.cli.progress import resumable, show_progress
    from cryogauge.io.replace import write_csv

    factor = PUBLISHED_FACTOR if mass is None else read_mass_factor(mass)
    folders = _folders(paths, out)
    make_folder(out)
    rows: list[dict[str, Any]] = []
    with resumable("the folders of finished inputs are whole"), show_progress(len(paths), "inputs") as progress:
        for path in paths:
            graded, row = _attempt(
                path, debug=debug, only=len(paths) == 1, pixel_size_A=pixel_size, iteration=iteration, model=model,
                device=torch_device(device), mass_factor=factor,
            )  # fmt: skip
            if graded is not None:
                make_folder(folders[path])
                row |= {name: str(file) for name, file in write_grades(
                    folders[path], graded, in_prior_offset=prior_offset
                ).items()}  # fmt: skip
                for note in graded.stack.notes:
                    progress.say(f"{path}: {note}")
            rows.append(row)
            progress.advance(failed=graded is None)
    write_csv(out / "jobs.csv", pd.DataFrame(rows), float_format=None)
    if as_json:
        print_json(rows)
    for row in rows:
        if row["message"]:
            tell(f"failed: {row['path']}: {row['message']}")
            tell(f"hint: {row['hint']}")
            continue
        classes = "1 class" if row["classes"] == 1 else f"{row['classes']} classes"
        tell(f"{row['path']}: {classes}, {row['kept_at_3.5']} of grade 3.5 or better")
        if not as_json:
            print(row["grades"])
            print(row["report"])
    if any(row["message"] for row in rows):
        raise typer.Exit(1)


def calibrate_mass(
    table: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE.csv",
            help="Columns path (averages of one known specimen) and mass_kDa; pixel_size_A where it is not told.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="JSON for `classes grade --mass`.")],
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Find the factor between grey values and mass from specimens whose mass is known.

    The mass of a specimen is the mode over its classes. Exits with 1 when some specimens could not be used.
    """
    from dataclasses import asdict

    from cryogauge.classes.mass import calibrate_mass as calibrate
    from cryogauge.classes.mass import write_mass_calibration
    from cryogauge.records import BadInput

    specimens = _specimens(table)
    measured, known, failed = [], [], 0
    for row in specimens:
        try:
            measured.append(_measured(row))
            known.append(row["mass_kDa"])
            tell(f"{row['path']}: {known[-1]:g} kDa, {measured[-1]:.4g} in grey values · Å²")
        except BadInput as error:
            failed += 1
            tell(f"failed: {row['path']}: {error.message}")
            tell(f"hint: {error.hint}")
    if not measured:
        raise BadInput(f"no specimen of {table} could be used", "see what is said of each")
    found = calibrate(measured, known)  # pyright: ignore[reportArgumentType] lists of floats will do
    write_mass_calibration(out, found)
    if as_json:
        print_json({**asdict(found), "out": str(out)})
    else:
        print(out)
    tell(f"factor {found.factor:.4g}, 95 % from {found.interval[0]:.4g} to {found.interval[1]:.4g}, R² {found.r2:.3f}")
    if failed:
        raise typer.Exit(1)


def _folders(paths: "Sequence[str]", out: Path) -> dict[str, Path]:
    """Where each input's files go: the folder itself for one, folders numbered and named as the inputs for several."""
    from cryogauge.records import BadInput

    if len(set(paths)) < len(paths):
        raise BadInput("an input is given twice", "give each once")
    if len(paths) == 1:
        return {paths[0]: out}
    return {path: out / f"{number}_{Path(path).stem or 'job'}" for number, path in enumerate(paths, start=1)}


def _attempt(path: str, *, debug: bool, only: bool, **options: Any) -> "tuple[Graded | None, dict[str, Any]]":
    """A graded input and its row in the table of jobs, or None and a row that says what is wrong."""
    from cryogauge.classes.accuracy import KEEP_UP_TO
    from cryogauge.classes.grade import grade_path
    from cryogauge.records.errors import CryogaugeError

    row: dict[str, Any] = {"path": path, "classes": 0, "best_grade": None, "kept_at_3.5": 0, "message": "", "hint": ""}
    try:
        graded = grade_path(path, **options)
    except CryogaugeError as error:
        if only or debug:
            raise
        return None, row | {"message": error.message, "hint": error.hint}
    grades = graded.grades["grade"]
    kept = int((grades <= KEEP_UP_TO).sum())
    return graded, row | {"classes": len(grades), "best_grade": round(float(grades.min()), 3), "kept_at_3.5": kept}


def _specimens(path: Path) -> "list[dict[str, Any]]":
    import pandas as pd

    from cryogauge.records import BadInput

    hint = "give a CSV with the columns path and mass_kDa"
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read: {error}", hint) from error
    if not {"path", "mass_kDa"} <= set(table.columns) or table.empty:
        raise BadInput(f"{path} does not say which averages show what mass", hint)
    masses = pd.to_numeric(table["mass_kDa"], errors="coerce")
    if not (masses > 0).all():
        raise BadInput(f"{path}: mass_kDa must hold positive numbers", hint)
    table["mass_kDa"] = masses
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _measured(row: "dict[str, Any]") -> float:
    """The mode of the masses of a specimen's classes with a factor of 1."""
    import math

    from cryogauge.classes.mass import class_masses_kDa, mode_of_masses
    from cryogauge.io.classes import open_classes
    from cryogauge.records import BadInput

    told = row.get("pixel_size_A")
    stack = open_classes(str(row["path"]), pixel_size_A=float(told) if told is not None and told > 0 else None)
    if stack.pixel_size_A is None:
        raise BadInput("its pixel size is not known", "add a column pixel_size_A")
    mass = mode_of_masses(class_masses_kDa(stack.images, stack.pixel_size_A, 1.0))
    if math.isnan(mass):
        raise BadInput("nothing stands out in its averages", "leave it out")
    return mass
