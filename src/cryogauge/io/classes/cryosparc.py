"""Class averages of cryoSPARC: jobs of 2-D classification, and what Select 2D keeps.

A job ``J12`` keeps, for every iteration, ``J12_020_class_averages.cs`` and ``.mrc`` and ``J12_020_particles.cs``; older
versions begin these names with ``cryosparc_P1_``. Classes count from 0: ``blob/idx`` of the averages and
``alignments2D/class`` of the particles. Paths count from the project's folder.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryogauge.io.classes.cs_file import read_cs, texts
from cryogauge.io.classes.images import check_square, listed_images, note_not_finite, read_stack
from cryogauge.io.classes.table import choose_pixel_A, class_table, count_particles
from cryogauge.records import BadInput, ClassStack

CLASS = "alignments2D/class"
#: A particle's class where no class took it.
NO_CLASS = np.iinfo(np.uint32).max
_FILE = re.compile(
    r"(?P<job>(?:cryosparc_P\d+_)?J\d+_)(?:(?P<it>\d+)_)?(?P<kind>class_averages|particles)"
    r"(?:_exported)?\.(?P<suffix>cs|mrc)"
)
#: Of Select 2D.
_SELECTED = {"templates_selected.cs": "particles_selected.cs", "templates_excluded.cs": "particles_excluded.cs"}


@dataclass(frozen=True)
class CryosparcRun:
    """The files of one iteration; those that are not there are None."""

    averages: Path | None
    images: Path | None
    particles: Path | None
    iteration: int | None


def runs_in(folder: Path) -> list[CryosparcRun]:
    """The iterations that have files in a folder, first to last; those of Select 2D have no number."""
    found: dict[tuple[str, int], dict[str, Path]] = {}
    for path in sorted(folder.iterdir()):
        match = _FILE.fullmatch(path.name)
        if match:
            kind = "images" if match["suffix"] == "mrc" else match["kind"]
            found.setdefault((match["job"], int(match["it"] or -1)), {})[kind] = path
    runs = [
        CryosparcRun(files.get("class_averages"), files.get("images"), files.get("particles"), it if it >= 0 else None)
        for (_, it), files in sorted(found.items(), key=lambda each: each[0][1])
    ]
    for averages, particles in _SELECTED.items():
        if not runs and (folder / averages).is_file():
            beside = folder / particles
            runs.append(CryosparcRun(folder / averages, None, beside if beside.is_file() else None, None))
    return runs


def find_run(path: Path, iteration: int | None) -> CryosparcRun:
    """The iteration that a job's folder or one of its files means; the last that has averages where it is None.

    Raises
    ------
    BadInput
        When there is none.
    """
    if path.is_file() and iteration is None:
        return _of_file(path)
    folder = path if path.is_dir() else path.parent
    runs = runs_in(folder)
    usable = [run for run in runs if run.averages or run.images]
    listed = ", ".join(str(run.iteration) for run in usable if run.iteration is not None)
    if iteration is not None:
        usable = [run for run in usable if run.iteration == iteration]
        if not usable:
            raise BadInput(
                f"{folder} has no averages of iteration {iteration}",
                f"its iterations are {listed}" if listed else "it has none",
            )
    if not usable:
        raise BadInput(
            f"{folder} has no …_class_averages.cs: the job was aborted, or is none of 2-D classification",
            "let the job finish, or give another folder",
        )
    return usable[-1]


def _of_file(path: Path) -> CryosparcRun:
    match = _FILE.fullmatch(path.name)
    for run in runs_in(path.parent):
        if path in (run.averages, run.images, run.particles):
            return run
    if match is None and path.suffix.lower() == ".cs":
        if CLASS not in (read_cs(path).dtype.names or ()):
            beside = path.parent / _SELECTED.get(path.name, "")
            return CryosparcRun(path, None, beside if beside.is_file() else None, None)
        own = next((each for each, particles in _SELECTED.items() if particles == path.name), "")
        if own and (path.parent / own).is_file():
            return CryosparcRun(path.parent / own, None, path, None)
    raise BadInput(f"{path} names no class averages", "give the job folder, or its …_class_averages.cs")


def is_cryosparc(path: Path) -> bool:
    """Whether a folder or a file is cryoSPARC's, as names say."""
    if path.is_dir():
        return bool(runs_in(path)) or (re.fullmatch(r"J\d+", path.name) is not None and (path / "job.json").is_file())
    return path.suffix.lower() == ".cs" or _FILE.fullmatch(path.name) is not None


def open_cryosparc(path: Path, pixel_size_A: float | None, iteration: int | None) -> ClassStack:
    """Read the averages of a job or of one of its files; see ``open_classes``."""
    run = find_run(path, iteration)
    notes: list[str] = []
    if run.averages is None:
        if run.images is None:
            raise BadInput(f"{path} has no class averages beside it", "give the job folder")
        notes.append(f"{run.images.with_suffix('.cs').name} is missing: resolutions are not known.")
        images, stated = read_stack(run.images)
        numbers, resolution, told = np.arange(len(images)), None, {}
    else:
        table = read_cs(run.averages)
        missing = [name for name in ("blob/path", "blob/idx") if name not in (table.dtype.names or ())]
        if missing:
            raise BadInput(f"{run.averages} has no {missing[0]}: it lists no images", "give a …_class_averages.cs")
        if not len(table):
            raise BadInput(f"{run.averages} lists no class", "give the file of a finished job")
        numbers = table["blob/idx"].astype(np.int64)
        if len(np.unique(numbers)) != len(numbers):
            raise BadInput(f"{run.averages} lists a class twice", "give the averages of one job")
        files = [name.removeprefix(">") for name in texts(table, "blob/path")]
        images, stated = listed_images(files, numbers.tolist(), run.averages, run.images)
        resolution = _column(table, "blob/res_A", "resolutions are", run.averages, notes)
        sizes = _column(table, "blob/psize_A", "the pixel size is", run.averages, notes)
        told = {run.averages.name: None if sizes is None else float(np.median(sizes))}
    source = run.averages or run.images or path
    check_square(images, source)
    told["the header of the images"] = stated
    pixel = choose_pixel_A(pixel_size_A, told, notes)
    particles = _counts(run.particles, numbers, source, notes)
    note_not_finite(images, numbers, notes)
    table = class_table(numbers, resolution_A=resolution, particles=particles)
    return ClassStack(images, pixel, table, str(source), "cryosparc", tuple(notes))


def _column(table: np.ndarray, name: str, what: str, path: Path, notes: list[str]) -> np.ndarray | None:
    if name in (table.dtype.names or ()):
        return table[name].astype(np.float64)
    notes.append(f"{path.name} has no {name}: {what} not known.")
    return None


def class_numbers(table: np.ndarray, path: Path) -> np.ndarray:
    """Class of each particle, int64; raises ``BadInput`` where the file has none."""
    if CLASS not in (table.dtype.names or ()):
        raise BadInput(f"{path} says of no particle its class ({CLASS})", "give the particles of a 2-D classification")
    values = table[CLASS]
    if values.dtype.kind not in "iu":
        raise BadInput(f"{path} has particles whose class is no number", "export it again")
    return values.astype(np.int64)


def check_classes(class_of: np.ndarray, numbers: np.ndarray, particles: Path, averages: Path) -> None:
    """Raise ``BadInput`` when particles are in classes that are not among the averages."""
    strange = np.setdiff1d(np.unique(class_of), [*numbers, NO_CLASS])
    if len(strange):
        raise BadInput(
            f"{particles} has particles of class {strange[-1]}, which {averages} has not",
            "give files of one iteration of one job",
        )


def _counts(particles: Path | None, numbers: np.ndarray, averages: Path, notes: list[str]) -> np.ndarray | None:
    if particles is None:
        notes.append("There is no table of particles: distribution and how many are in each class are not known.")
        return None
    class_of = class_numbers(read_cs(particles), particles)
    check_classes(class_of, numbers, particles, averages)
    return count_particles(class_of, numbers)
