"""Class averages of RELION 3.0 to 5: jobs of 2-D classification, and of selection.

A job of classification keeps, for every iteration, ``run_itNNN_classes.mrcs``, ``…_model.star``, ``…_data.star`` and
``…_optimiser.star``; a continued one names them ``run_ctN_itNNN_…``. ``run_unmasked_classes.mrcs`` are other images and
never taken. A job of selection keeps ``class_averages.star`` and ``particles.star``. Classes count from 1: the number
before the @ of ``rlnReferenceImage``, or ``rlnClassNumber`` where a table of selected averages has it.
"""

from pathlib import Path

import numpy as np

from cryogauge.io.classes.images import check_square, listed_images, note_not_finite, read_stack
from cryogauge.io.classes.relion_run import RUN_FILE, RelionRun, find_run, runs_in
from cryogauge.io.classes.star import StarBlock, StarText, read_star_text
from cryogauge.io.classes.table import choose_pixel_A, class_table, count_particles
from cryogauge.io.tilts.images import base_name
from cryogauge.records import BadInput, ClassStack

REFERENCE, NUMBER = "rlnReferenceImage", "rlnClassNumber"
SELECTED_AVERAGES = "class_averages.star"
PARTICLES = ("particles", "images", "")
_RESOLUTION, _DISTRIBUTION = "rlnEstimatedResolution", "rlnClassDistribution"


def is_relion(path: Path) -> bool:
    """Whether a folder or file is RELION's, as names say; every STAR file is."""
    if path.is_dir():
        return bool(runs_in(path)) or (path / SELECTED_AVERAGES).is_file()
    return path.suffix.lower() == ".star" or RUN_FILE.fullmatch(path.name) is not None


def open_relion(path: Path, pixel_size_A: float | None, iteration: int | None) -> ClassStack:
    """Read the averages of a job, of one of its files, or of a table of selected averages; see ``open_classes``."""
    if path.is_dir() and not runs_in(path) and (path / SELECTED_AVERAGES).is_file():
        path = path / SELECTED_AVERAGES
    if path.is_file() and path.suffix.lower() == ".star":
        star = read_star_text(path)
        listed = star.with_column(REFERENCE)
        if listed is not None and iteration is None:
            own = find_run(path, None).files.get("classes") if RUN_FILE.fullmatch(path.name) else None
            return _open_star(star, listed, pixel_size_A, _data_beside(path), [], own)
        if RUN_FILE.fullmatch(path.name) is None:
            raise BadInput(
                f"{path} names no class averages (rlnReferenceImage)",
                "give the model.star of a 2-D classification, or a class_averages.star",
            )
        _check_optimiser(star)
    run = find_run(path, iteration)
    if "classes" not in run.files and "model" not in run.files:
        raise BadInput(f"{run.folder} has no {run.run}classes.mrcs to {path.name}", "copy it beside")
    if "model" in run.files:
        star = read_star_text(run.files["model"])
        listed = star.with_column(REFERENCE)
        if listed is None:
            raise BadInput(f"{run.files['model']} lists no classes", "copy it again")
        return _open_star(star, listed, pixel_size_A, run.files.get("data"), list(run.notes), run.files.get("classes"))
    return _open_bare(run, pixel_size_A)


def _open_bare(run: RelionRun, pixel_size_A: float | None) -> ClassStack:
    """Images without a model."""
    notes = [*run.notes, f"{run.run}model.star is missing: resolutions and distribution are not known."]
    images, stated = read_stack(run.files["classes"])
    check_square(images, run.files["classes"])
    numbers = np.arange(1, len(images) + 1)
    data = run.files.get("data")
    listing = None if data is None else read_star_text(data)
    particles = _counts(listing, numbers, run.files["classes"], notes)
    pixel = choose_pixel_A(pixel_size_A, {run.files["classes"].name: stated}, notes, doubt_1=True)
    note_not_finite(images, numbers, notes)
    table = class_table(numbers, particles=particles)
    return ClassStack(images, pixel, table, str(run.files["classes"]), "relion", tuple(notes))


def _open_star(
    star: StarText,
    listed: StarBlock,
    pixel_size_A: float | None,
    data: Path | None,
    notes: list[str],
    expected: Path | None = None,
) -> ClassStack:
    general = star.block("model_general")
    if general is not None and (general.number("rlnReferenceDimensionality") or 2) != 2:
        raise BadInput(f"{star.path} is of a 3-D classification", "give a job of 2-D classification")
    listed.check()
    sections, images, stated = _images(star.path, listed, expected)
    check_square(images, star.path)
    numbers = listed.numbers(NUMBER).astype(np.int64) if NUMBER in listed else sections + 1
    _check_unique(numbers, star.path)
    whole = general is not None
    if whole and (general.number("rlnNrClasses") or len(numbers)) != len(numbers):
        raise BadInput(
            f"{star.path} says {general.number('rlnNrClasses'):g} classes and lists {len(numbers)}", "copy it again"
        )
    listing = None if data is None else read_star_text(data)
    particles = _counts(listing, numbers, star.path, notes, whole=whole)
    told = {star.path.name: general.number("rlnPixelSize") if general else None}
    if listing is not None:
        told[listing.path.name] = _optics_pixel(listing)
    told["the header of the images"] = stated
    pixel = choose_pixel_A(pixel_size_A, told, notes, doubt_1=general is None)
    for label, what in ((_RESOLUTION, "resolutions"), (_DISTRIBUTION, "distribution")):
        if label not in listed:
            notes.append(f"{star.path.name} has no {label}: {what} are not known.")
    note_not_finite(images, numbers, notes)
    table = class_table(
        numbers,
        resolution_A=listed.numbers(_RESOLUTION) if _RESOLUTION in listed else None,
        distribution=listed.numbers(_DISTRIBUTION) if _DISTRIBUTION in listed else None,
        particles=particles,
    )
    return ClassStack(images, pixel, table, str(star.path), "relion", tuple(notes))


def _check_unique(numbers: np.ndarray, path: Path) -> None:
    if len(np.unique(numbers)) != len(numbers):
        raise BadInput(f"{path} lists a class twice", "give the file as RELION wrote it")


def _images(path: Path, listed: StarBlock, expected: Path | None) -> tuple[np.ndarray, np.ndarray, float | None]:
    """Sections from 0, images in the table's order, and the header's pixel in Å."""
    names = listed.texts(REFERENCE)
    if not names:
        raise BadInput(f"{path} lists no class", "give the file of a finished job")
    split = [name.rpartition("@") for name in names]
    try:
        sections = np.array([int(number or 1) - 1 for number, _, _ in split])
    except ValueError as error:
        raise BadInput(f"{path} names images in a way that is not RELION's: {names[0]}", "copy it again") from error
    images, stated = listed_images(
        [file for _, _, file in split], sections.tolist(), path, expected, whole=listed.name == "model_classes"
    )
    return sections, images, stated


def _data_beside(path: Path) -> Path | None:
    """The particles of a table of averages: those of its iteration, or of the job of selection."""
    found = RUN_FILE.fullmatch(path.name)
    if found is None and path.name != SELECTED_AVERAGES:
        return None
    data = path.parent / (f"{found['run']}data.star" if found else "particles.star")
    return data if data.is_file() else None


def _check_optimiser(star: StarText) -> None:
    """Raise ``BadInput`` when an optimiser names the files of another iteration than its own."""
    block = star.block("optimiser_general")
    found = RUN_FILE.fullmatch(star.path.name)
    if block is None or found is None:
        return
    for label, end in (("rlnModelStarFile", "model.star"), ("rlnExperimentalDataStarFile", "data.star")):
        if label in block and base_name(block.texts(label)[0]) != f"{found['run']}{end}":
            raise BadInput(
                f"{star.path} belongs to {base_name(block.texts(label)[0])}, another iteration than its name says",
                "give the files as RELION named them",
            )


def particle_block(star: StarText) -> StarBlock:
    """The table of particles; raises ``BadInput`` where there is none that has classes."""
    block = star.block(*PARTICLES)
    if block is None or NUMBER not in block:
        raise BadInput(f"{star.path} says of no particle its class (rlnClassNumber)", "give a _data.star")
    return block


def class_numbers(block: StarBlock) -> np.ndarray:
    """Class of each particle, int64; raises ``BadInput`` for what is no whole number."""
    values = block.numbers(NUMBER)
    if not np.isfinite(values).all() or (values != np.round(values)).any() or (values < 0).any():
        raise BadInput(f"{block.path} has particles whose class is no number", "copy it again")
    return values.astype(np.int64)


def _counts(
    listing: StarText | None, numbers: np.ndarray, model: Path, notes: list[str], *, whole: bool = True
) -> np.ndarray | None:
    """Particles by class; ``whole`` says that the table has every class of the job."""
    if listing is None:
        notes.append("There is no table of particles: how many are in each class is not known.")
        return None
    class_of = class_numbers(particle_block(listing))
    check_classes(class_of, numbers, listing.path, model, whole=whole)
    if (class_of == 0).any():
        notes.append(
            f"{int((class_of == 0).sum())} of {len(class_of)} particles of {listing.path.name} are in no class yet."
        )
    return count_particles(class_of, numbers)


def check_classes(class_of: np.ndarray, numbers: np.ndarray, data: Path, model: Path, *, whole: bool = True) -> None:
    """Raise ``BadInput`` when particles are in classes that the model has not; class 0 is none yet."""
    strange = np.setdiff1d(np.unique(class_of), [*numbers, 0])
    if whole and len(strange):
        raise BadInput(
            f"{data} has particles of class {strange[-1]}, which {model} has not",
            "give files of one iteration of one job",
        )


def _optics_pixel(listing: StarText) -> float | None:
    """Pixel of the particles' images where all groups agree."""
    optics = listing.block("optics")
    if optics is None or "rlnImagePixelSize" not in optics or not optics.rows:
        return None
    sizes = np.unique(optics.numbers("rlnImagePixelSize"))
    return float(sizes[0]) if len(sizes) == 1 else None
