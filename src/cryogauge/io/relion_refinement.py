"""How many particles went into a reconstruction of RELION, and the resolution that it reached."""

from dataclasses import dataclass
from pathlib import Path

from cryogauge.io.classes.relion import PARTICLES
from cryogauge.io.classes.relion_run import RUN_FILE, RelionRun, find_run, runs_in
from cryogauge.io.classes.star import StarText, read_star_text
from cryogauge.io.tilts.images import find_below_ancestor
from cryogauge.records import BadInput

POSTPROCESS = "postprocess.star"
_HINT = "give the folder of a 3-D refinement, an initial model or a post-processing"


@dataclass(frozen=True)
class Refinement:
    """A reconstruction in numbers.

    Attributes
    ----------
    particles
        That went into it, both halves together.
    resolution_A
        As RELION says it.
    pixel_size_A
        Of its map; None where the files do not say.
    source
        The file that says the resolution.
    """

    particles: int
    resolution_A: float
    pixel_size_A: float | None
    source: Path


def read_refinement(path: str | Path) -> Refinement:
    """Read a job's folder, its ``…_model.star`` or a ``postprocess.star``.

    Of a folder the ``postprocess.star`` is taken, or else the model of the last iteration. The particles of a
    post-processing are counted in the job whose half maps it names, looked for from the project's folder.

    Raises
    ------
    BadInput
        When there is no such file, the job has not finished, it is of several classes or of two dimensions, or its
        files do not say a resolution or how many particles there are.
    """
    path = Path(path)
    if not path.exists():
        raise BadInput(f"{path} does not exist", _HINT)
    told = path / POSTPROCESS if path.is_dir() else path
    if told.is_file() and told.name.endswith(POSTPROCESS):
        return _of_postprocess(told)
    if path.is_file() and RUN_FILE.fullmatch(path.name) is None:
        raise BadInput(f"{path} is no file of a reconstruction by its name", _HINT)
    return _of_model(_finished_run(path) if path.is_dir() else find_run(path, None))


def _finished_run(folder: Path) -> RelionRun:
    runs = [run for run in runs_in(folder) if "model" in run.files and "half" not in run.run]
    if not runs:
        raise BadInput(f"{folder} holds no finished reconstruction: no run_model.star, no {POSTPROCESS}", _HINT)
    return runs[-1]


def _of_postprocess(path: Path) -> Refinement:
    star = read_star_text(path)
    general = star.block("general")
    resolution_A = None if general is None else general.number("rlnFinalResolution")
    if general is None or resolution_A is None:
        raise BadInput(f"{path} does not say its rlnFinalResolution", "let the post-processing finish")
    named = next(iter(general.texts("rlnUnfilteredMapHalf1")), "") if "rlnUnfilteredMapHalf1" in general else ""
    half = find_below_ancestor(named, path.parent) if named else None
    if half is None:
        raise BadInput(
            f"{path} names a half map that is not to be found: {named or 'none'}",
            "run from the copy of the whole project, or give the refinement's own folder",
        )
    run = _finished_run(half.parent)
    return Refinement(_particles(run), resolution_A, _model_number(run, "rlnPixelSize"), path)


def _of_model(run: RelionRun) -> Refinement:
    path = run.files.get("model")
    if path is None:
        raise BadInput(f"{run.folder} has no {run.run}model.star", _HINT)
    star = read_star_text(path)
    if (_number(star, "rlnReferenceDimensionality") or 3) != 3:
        raise BadInput(f"{path} is of a 2-D classification", _HINT)
    if (_number(star, "rlnNrClasses") or 1) != 1:
        raise BadInput(f"{path} is of several classes, whose particles do not make one map", _HINT)
    resolution_A = _number(star, "rlnCurrentResolution")
    if not resolution_A or resolution_A <= 0:
        raise BadInput(f"{path} does not say its rlnCurrentResolution", "let the job finish")
    return Refinement(_particles(run), resolution_A, _number(star, "rlnPixelSize"), path)


def _particles(run: RelionRun) -> int:
    """Rows of the table of particles, or what the model's groups add up to."""
    if "data" in run.files:
        block = read_star_text(run.files["data"]).block(*PARTICLES)
        if block is not None and block.rows:
            return len(block.rows)
    groups = read_star_text(run.files["model"]).with_column("rlnGroupNrParticles")
    counted = 0 if groups is None else int(groups.numbers("rlnGroupNrParticles").sum())
    if counted <= 0:
        raise BadInput(f"{run.files['model']} does not say how many particles there are", "copy run_data.star beside")
    return counted


def _model_number(run: RelionRun, label: str) -> float | None:
    return _number(read_star_text(run.files["model"]), label)


def _number(star: StarText, label: str) -> float | None:
    general = star.block("model_general")
    return None if general is None else general.number(label)
