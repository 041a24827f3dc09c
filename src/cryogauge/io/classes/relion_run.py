"""The files of a RELION classification, iteration by iteration."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from cryogauge.records import BadInput

#: Files of an iteration: how their names begin, and what they are.
RUN_FILE = re.compile(r"(?P<run>(?:.*_)?)(?P<kind>class(?:es)?\.mrcs|model\.star|data\.star|optimiser\.star)")
_RUN = re.compile(r"(?P<root>.*?)_?(?:ct(?P<ct>\d+)_)?(?:it(?P<it>\d+)_)?")
_NEEDED = ("classes", "model", "data")


@dataclass(frozen=True)
class RelionRun:
    """The files of one iteration.

    Attributes
    ----------
    folder
        Of the job.
    run
        How their names begin, such as ``run_it025_``.
    files
        Paths of ``classes``, ``model``, ``data`` and ``optimiser``, those that are there.
    notes
        What is odd about the choice.
    """

    folder: Path
    run: str
    files: dict[str, Path]
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def iteration(self) -> int | None:
        """Its number; None for a run without numbers in its names."""
        found = _RUN.fullmatch(self.run)
        return int(found["it"]) if found and found["it"] else None

    @property
    def _order(self) -> tuple[int, int]:
        found = _RUN.fullmatch(self.run)
        iteration, continued = (found["it"], found["ct"]) if found else (None, None)
        return (int(iteration) if iteration else 10**9, int(continued or 0))


def runs_in(folder: Path) -> list[RelionRun]:
    """The iterations that have files in a folder, first to last."""
    runs: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.iterdir()):
        found = RUN_FILE.fullmatch(path.name)
        if found and not found["run"].endswith("unmasked_"):
            kind = found["kind"].split(".")[0].replace("class", "classes").replace("classeses", "classes")
            runs.setdefault(found["run"], {})[kind] = path
    return sorted((RelionRun(folder, run, files) for run, files in runs.items()), key=lambda each: each._order)


def find_run(path: Path, iteration: int | None) -> RelionRun:
    """The iteration that a job's folder or one of its files means.

    Parameters
    ----------
    path
        A folder, or a file of an iteration.
    iteration
        Which one; the last that is whole, or the file's own, where it is None.

    Raises
    ------
    BadInput
        When there is none, or no classification was finished.
    """
    folder = path if path.is_dir() else path.parent
    runs = runs_in(folder)
    if not path.is_dir() and iteration is None:
        found = RUN_FILE.fullmatch(path.name)
        own = next((run for run in runs if found and run.run == found["run"]), None)
        if own is None:
            raise BadInput(f"{path} is no file of a RELION classification", "give its job folder")
        return own
    roots = {found["root"] for run in runs if (found := _RUN.fullmatch(run.run))}
    if len(roots) > 1:
        raise BadInput(
            f"{folder} holds several classifications: {', '.join(sorted(roots)[:5])}", "name a _model.star of one"
        )
    listed = ", ".join(str(run.iteration) for run in runs if run.iteration is not None)
    if iteration is not None:
        wanted = [run for run in runs if run.iteration == iteration and "classes" in run.files]
        if not wanted:
            raise BadInput(
                f"{folder} has no averages of iteration {iteration}",
                f"its iterations are {listed}" if listed else "it has none",
            )
        return wanted[-1]
    return _last_whole(folder, [run for run in runs if run.iteration != 0], listed)


def _last_whole(folder: Path, runs: list[RelionRun], listed: str) -> RelionRun:
    usable = [run for run in runs if "classes" in run.files]
    if not usable:
        there = f"of iterations {listed} it has no averages" if listed else "and no iteration of a RELION job"
        raise BadInput(
            f"{folder} has no run_itNNN_classes.mrcs, {there}: the job was aborted, or is another",
            "continue the classification, or give another folder",
        )
    for needed in (_NEEDED, _NEEDED[:2], _NEEDED[:1]):
        whole = [run for run in usable if all(kind in run.files for kind in needed)]
        if whole:
            break
    chosen = whole[-1]
    notes = []
    if chosen is not runs[-1]:
        notes.append(f"The last iteration, {runs[-1].run.strip('_')}, is not whole; {chosen.run.strip('_')} is read.")
    return RelionRun(folder, chosen.run, chosen.files, tuple(notes))
