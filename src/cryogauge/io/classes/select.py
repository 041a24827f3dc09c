"""The particles of chosen classes, written for the program they came from."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from cryogauge.io.classes.cryosparc import check_classes as check_cryosparc
from cryogauge.io.classes.cs_file import read_cs, write_cs
from cryogauge.io.classes.door import open_classes
from cryogauge.io.classes.particles import ClassParticles, read_class_particles
from cryogauge.io.classes.relion import NUMBER, REFERENCE, SELECTED_AVERAGES
from cryogauge.io.classes.relion import check_classes as check_relion
from cryogauge.io.classes.star import StarBlock, read_star_text
from cryogauge.io.classes.write import star_table
from cryogauge.io.replace import replacing
from cryogauge.records import BadInput, ClassStack


@dataclass(frozen=True)
class Selected:
    """What came of a selection.

    Attributes
    ----------
    program
        That the files are for.
    classes
        Those chosen, in the order of the averages.
    particles, excluded
        How many particles are in them, and in no chosen class; None where no file lists particles.
    files
        What was written, by what it is.
    notes
        Sentences on what is missing.
    """

    program: str
    classes: tuple[int, ...]
    particles: int | None
    excluded: int | None
    files: dict[str, Path]
    notes: tuple[str, ...] = ()


def select_particles(source: str | Path, classes: Iterable[int], out: str | Path) -> Selected:
    """Write the particles of chosen classes into a folder.

    RELION: ``particles.star``, ``particles_excluded.star``, ``class_averages.star`` and ``backup_selection.star``, as
    its job of selection writes them; rows are passed on as text. cryoSPARC: ``particles_selected.cs``,
    ``particles_excluded.cs``, ``templates_selected.cs``, ``templates_excluded.cs`` and a ``.csg`` for Import Result
    Group of each selected one; rows are passed on bit for bit, and what a job passes through of its particles too.
    Others: ``classes_selected.txt``, a number a line. Every particle is in one of the two tables, in its old order.

    Parameters
    ----------
    source
        A job folder or one of its files, as ``open_classes`` takes it, or the ``source`` of a ``ClassStack``.
    classes
        The program's numbers of the chosen classes.
    out
        The folder; it is made. Files of an earlier selection are replaced.

    Raises
    ------
    BadInput
        When a class is not there, none is chosen, no particle is in one, or files do not belong together.
    """
    stack = open_classes(source)
    numbers = stack.table["class"].to_numpy(np.int64)
    wanted = {int(number) for number in classes}
    if not wanted:
        raise BadInput("no class is chosen", "choose a higher cutoff, or name classes")
    strange = sorted(wanted - set(numbers.tolist()))
    if strange:
        raise BadInput(
            f"{stack.source} has no class {strange[0]}: it has {numbers.min()} to {numbers.max()}",
            "give the numbers of the same job and iteration",
        )
    out = Path(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{out} cannot be made: {(error.strerror or 'refused').lower()}", "choose another") from error
    chosen = np.isin(numbers, sorted(wanted))
    if stack.program in ("relion", "cryosparc"):
        particles = read_class_particles(Path(source if stack.program == "cryosparc" else stack.source))
        write = _for_relion if stack.program == "relion" else _for_cryosparc
        return write(stack, particles, chosen, out)
    listed = out / "classes_selected.txt"
    with replacing(listed) as temporary:
        temporary.write_text("".join(f"{number}\n" for number in numbers[chosen]), encoding="utf-8")
    note = "No file lists the particles of these averages: the numbers of the chosen classes are written."
    return Selected(stack.program, tuple(numbers[chosen].tolist()), None, None, {"classes": listed}, (note,))


def _split(particles: ClassParticles, numbers: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Mask of the particles in chosen classes; raises ``BadInput`` when there is none."""
    mask = np.isin(particles.class_of, numbers[chosen])
    if not mask.any():
        raise BadInput(f"no particle of {particles.path} is in a chosen class", "choose other classes")
    return mask


def _for_relion(stack: ClassStack, particles: ClassParticles, chosen: np.ndarray, out: Path) -> Selected:
    numbers = stack.table["class"].to_numpy(np.int64)
    source = Path(stack.source)
    check_relion(particles.class_of, numbers, particles.path, source)
    mask = _split(particles, numbers, chosen)
    files = {"particles": out / "particles.star", "excluded": out / "particles_excluded.star"}
    _refuse_own(particles.path, files)
    particles.write(mask, files["particles"])
    particles.write(~mask, files["excluded"])
    listed = read_star_text(source).with_column(REFERENCE) if source.suffix == ".star" else None
    if listed is not None:
        files["averages"] = out / SELECTED_AVERAGES
        with replacing(files["averages"]) as temporary:
            text = star_table(_chosen_columns(listed, numbers, chosen))
            temporary.write_text(text, encoding="utf-8", errors="surrogateescape")
    files["backup"] = out / "backup_selection.star"
    with replacing(files["backup"]) as temporary:
        flags = [str(int(flag)) for flag in chosen]
        temporary.write_text(star_table({"rlnSelected": flags}), encoding="utf-8")
    return Selected("relion", tuple(numbers[chosen].tolist()), int(mask.sum()), int((~mask).sum()), files, stack.notes)


def _chosen_columns(listed: StarBlock, numbers: np.ndarray, chosen: np.ndarray) -> dict[str, list[str]]:
    """The rows of chosen classes as text, with the number of each."""
    columns = {label: listed.texts(label) for label in listed.columns if label != NUMBER}
    columns[NUMBER] = [str(number) for number in numbers]
    return {
        label: [_word(value) for value, keep in zip(values, chosen, strict=True) if keep]
        for label, values in columns.items()
    }


def _word(value: str) -> str:
    return f'"{value}"' if " " in value or not value else value


def _refuse_own(path: Path, files: dict[str, Path]) -> None:
    """Raise ``BadInput`` when a selection would replace what it selects from."""
    if any(each.exists() and each.samefile(path) for each in files.values()):
        raise BadInput(f"{path} would be replaced by a part of itself", "choose another folder")


def _for_cryosparc(stack: ClassStack, particles: ClassParticles, chosen: np.ndarray, out: Path) -> Selected:
    numbers = stack.table["class"].to_numpy(np.int64)
    check_cryosparc(particles.class_of, numbers, particles.path, Path(stack.source))
    mask = _split(particles, numbers, chosen)
    notes = list(stack.notes)
    files = {"particles": out / "particles_selected.cs", "excluded": out / "particles_excluded.cs"}
    _refuse_own(particles.path, files)
    particles.write(mask, files["particles"])
    particles.write(~mask, files["excluded"])
    groups = {"particles": [files["particles"]]}
    through = _passed_through(particles.path)
    if through is not None:
        files["passthrough"] = out / "passthrough_particles_selected.cs"
        if _write_through(through, particles.path, mask, files["passthrough"]):
            groups["particles"].append(files["passthrough"])
        else:
            del files["passthrough"]
            notes.append(f"{through.name} does not list all of these particles: it is left out.")
    averages = Path(stack.source)
    if averages.suffix == ".cs":
        table = read_cs(averages)
        for what, keep in (("templates", chosen), ("templates_excluded", ~chosen)):
            files[what] = out / ("templates_selected.cs" if what == "templates" else f"{what}.cs")
            write_cs(files[what], table[keep])
        groups["templates"] = [files["templates"]]
    for what, tables in groups.items():
        files[f"{what}_group"] = out / f"{what}_selected.csg"
        with replacing(files[f"{what}_group"]) as temporary:
            temporary.write_text(_group(what, tables), encoding="utf-8")
    return Selected(
        "cryosparc", tuple(numbers[chosen].tolist()), int(mask.sum()), int((~mask).sum()), files, tuple(notes)
    )


def _passed_through(particles: Path) -> Path | None:
    """What a job hands on of its particles without having looked at it (``J12_passthrough_particles.cs``)."""
    for pattern in ("*_passthrough_particles.cs", "*_passthrough_particles_selected.cs"):
        found = sorted(particles.parent.glob(pattern))
        if found:
            return found[0]
    return None


def _write_through(through: Path, particles: Path, mask: np.ndarray, target: Path) -> bool:
    """Write its rows for the particles of a mask, in their order; whether it has them all."""
    table, uids = read_cs(through), read_cs(particles)["uid"][mask]
    if "uid" not in (table.dtype.names or ()):
        return False
    order = np.argsort(table["uid"], kind="stable")
    places = np.searchsorted(table["uid"], uids, sorter=order)
    rows = order[np.minimum(places, len(order) - 1)] if len(order) else order
    if len(rows) != len(uids) or (table["uid"][rows] != uids).any():
        return False
    write_cs(target, table[rows])
    return True


def _group(name: str, tables: list[Path]) -> str:
    """A result group in cryoSPARC's YAML: which file, beside it, has which result."""
    kind = name.removesuffix("s")
    lines = [
        f"created: {datetime.now():%Y-%m-%d %H:%M:%S}",
        "group:",
        f"  description: {name} of chosen classes",
        f"  name: {name}_selected",
        f"  title: {name} selected",
        f"  type: {kind}",
        "results:",
    ]
    done = set()
    for path in tables:
        table = read_cs(path)
        for result in dict.fromkeys(field.split("/")[0] for field in table.dtype.names or () if "/" in field):
            if result not in done:
                done.add(result)
                lines += [
                    f"  {result}:",
                    f"    metafile: '>{path.name}'",
                    f"    num_items: {len(table)}",
                    f"    type: {kind}.{result}",
                ]
    return "\n".join([*lines, "version: v4.0.0", ""])
