"""The particles of a classification, each with its class, and parts of them as their program wrote them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cryogauge.io.classes import cryosparc, relion, relion_run
from cryogauge.io.classes.cs_file import read_cs, write_cs
from cryogauge.io.classes.star import read_star_text
from cryogauge.io.replace import replacing
from cryogauge.records import BadInput


@dataclass(frozen=True)
class ClassParticles:
    """Particles of a classification.

    Attributes
    ----------
    path
        The file that lists them.
    program
        ``relion`` or ``cryosparc``.
    class_of
        int64 ``(particle,)``: the program's number of each one's class, in the file's order.
    no_class
        What ``class_of`` says where no class took a particle.
    write
        Writes the particles of a mask ``(particle,)``, as they stand and in order, into a file.
    """

    path: Path
    program: str
    class_of: np.ndarray
    no_class: int
    write: Callable[[np.ndarray, Path], None] = field(repr=False)


def read_class_particles(source: str | Path, *, iteration: int | None = None) -> ClassParticles:
    """Read which particles are in which class.

    Parameters
    ----------
    source
        A job folder of RELION or cryoSPARC, or one of its files.
    iteration
        Of a job that keeps several; the last that is whole, or the file's own, where it is None.

    Raises
    ------
    BadInput
        When there is no table of particles, it is cut off, or says of no particle its class.
    """
    path = Path(source)
    if not path.exists():
        raise BadInput(f"{path} does not exist", "check the path")
    if relion.is_relion(path):
        return _of_star(relion_particles(path, iteration))
    if cryosparc.is_cryosparc(path):
        found = cryosparc.find_run(path, iteration).particles
        if found is None:
            raise BadInput(f"{path} has no …_particles.cs", "give the job folder, with its particles")
        return _of_cs(found)
    raise BadInput(f"{path} lists no particles", "give a job of 2-D classification of RELION or cryoSPARC")


def relion_particles(path: Path, iteration: int | None) -> Path:
    """The table of particles that belongs to a job or file of RELION; raises ``BadInput`` where there is none."""
    if path.is_file() and path.suffix.lower() == ".star" and iteration is None:
        star = read_star_text(path)
        if star.with_column(relion.REFERENCE) is None and star.block(*relion.PARTICLES) is not None:
            return path
    if path.is_dir() and not relion_run.runs_in(path):
        path = path / relion.SELECTED_AVERAGES
    if path.name == relion.SELECTED_AVERAGES:
        found = path.parent / "particles.star"
    else:
        run = relion_run.find_run(path, iteration)
        found = run.files.get("data", run.folder / f"{run.run}data.star")
    if not found.is_file():
        raise BadInput(f"{found} does not exist: which particles are in a class is not known", "copy it beside")
    return found


def _of_star(path: Path) -> ClassParticles:
    star = read_star_text(path)
    block = relion.particle_block(star)
    block.check()

    def write(chosen: np.ndarray, target: Path) -> None:
        rows = [row for row, keep in zip(block.rows, chosen, strict=True) if keep]
        with replacing(target) as temporary:
            temporary.write_bytes(star.with_rows(block, rows).encode("utf-8", errors="surrogateescape"))

    return ClassParticles(path, "relion", relion.class_numbers(block), 0, write)


def _of_cs(path: Path) -> ClassParticles:
    table = read_cs(path)
    uids = table["uid"] if "uid" in (table.dtype.names or ()) else np.arange(len(table))
    if len(np.unique(uids)) != len(uids):
        raise BadInput(f"{path} lists a particle twice", "take duplicates out in cryoSPARC")

    def write(chosen: np.ndarray, target: Path) -> None:
        write_cs(target, table[chosen])

    return ClassParticles(path, "cryosparc", cryosparc.class_numbers(table, path), cryosparc.NO_CLASS, write)
