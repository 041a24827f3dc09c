"""From grades to particles: which classes are good enough, and their particles for the program they came from."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cryogauge.classes.grade import Graded, averages_checksum, read_grades
from cryogauge.io.classes import Selected, open_classes, select_particles
from cryogauge.io.json_file import read_json_file, write_json_file
from cryogauge.io.replace import write_csv
from cryogauge.records import BadInput

GRADES, SETTINGS, CHOICE = "grades.csv", "grades.json", "selection.csv"


@dataclass(frozen=True)
class Choice:
    """Which classes are kept.

    Attributes
    ----------
    table
        A row a class in the averages' order: ``class, grade, kept`` and ``by_hand``, whether a person said so against
        the grade.
    cutoff
        The grade up to which a class is kept.
    """

    table: pd.DataFrame
    cutoff: float

    @property
    def classes(self) -> list[int]:
        """Numbers of those kept."""
        return [int(number) for number in self.table.loc[self.table["kept"], "class"]]


def choose_classes(
    grades: pd.DataFrame, cutoff: float, *, keep: Iterable[int] = (), drop: Iterable[int] = ()
) -> Choice:
    """Choose classes by their grades, and by hand.

    Parameters
    ----------
    grades
        ``class`` and ``grade`` of each class.
    cutoff
        A class is kept up to this grade.
    keep, drop
        Numbers of classes that are kept or dropped whatever their grade.

    Raises
    ------
    BadInput
        When a class is to be kept and dropped, or is not there.
    """
    kept, dropped = set(keep), set(drop)
    if kept & dropped:
        raise BadInput(f"class {min(kept & dropped)} is to be kept and dropped", "name it once")
    strange = sorted((kept | dropped) - set(grades["class"]))
    if strange:
        known = grades["class"]
        raise BadInput(f"there is no class {strange[0]}", f"classes are {known.min()} to {known.max()}")
    by_grade = grades["grade"] <= cutoff
    chosen = (by_grade | grades["class"].isin(kept)) & ~grades["class"].isin(dropped)
    table = pd.DataFrame(
        {"class": grades["class"], "grade": grades["grade"], "kept": chosen, "by_hand": chosen != by_grade}
    )
    return Choice(table, cutoff)


def read_graded(folder: Path) -> Graded:
    """A job with the grades that :func:`cryogauge.classes.grade.write_grades` wrote into a folder.

    Raises
    ------
    BadInput
        When grades or averages are not there, or the averages are no longer those that were graded.
    """
    hint = "give a folder that `cryogauge classes grade` wrote"
    grades, settings = read_grades(folder / GRADES), read_json_file(folder / SETTINGS, hint)
    try:
        source, checksum, pixel = settings["source"], settings["averages_checksum"], settings["pixel_size_A"]
    except (KeyError, TypeError) as error:
        raise BadInput(f"{folder / SETTINGS} does not say which averages were graded", hint) from error
    stack = open_classes(source, pixel_size_A=pixel)
    if list(stack.table["class"]) != list(grades["class"]) or averages_checksum(stack) != checksum:
        raise BadInput(
            f"{source} holds other averages than those that were graded: the job has gone on, or was run again",
            "grade it again",
        )
    return Graded(stack, grades, settings)


def select_graded(graded: Graded, choice: Choice, out: Path) -> Selected:
    """Write the particles of chosen classes, and beside them ``selection.csv`` and ``selection.json``.

    Raises
    ------
    BadInput
        When no class is chosen, or files cannot be read or written.
    """
    selected = select_particles(graded.settings["source"], choice.classes, out)
    write_csv(out / CHOICE, choice.table)
    write_json_file(
        out / "selection.json",
        {
            "source": graded.settings["source"],
            "averages_checksum": graded.settings["averages_checksum"],
            "model": graded.settings.get("model"),
            "cutoff": choice.cutoff,
            "kept_by_hand": _by_hand(choice, kept=True),
            "dropped_by_hand": _by_hand(choice, kept=False),
            "particles": selected.particles,
            "excluded": selected.excluded,
            "notes": list(selected.notes),
        },
    )
    return selected


def _by_hand(choice: Choice, *, kept: bool) -> list[int]:
    table = choice.table
    return [int(number) for number in table.loc[table["by_hand"] & (table["kept"] == kept), "class"]]
