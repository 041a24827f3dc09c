"""Labels with noise in a copick project, beside the true ones and never in their place."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from cryogauge import __version__
from cryogauge.io.copick import Project, check_saving, list_tomograms, open_tomogram, read_project_picks
from cryogauge.io.copick import write_project_picks as write_picks_into
from cryogauge.io.copick.picks import ANGLES, pick_sets
from cryogauge.io.copick.project import runs_of, some
from cryogauge.io.json_file import write_json_file
from cryogauge.io.picks import write_picks
from cryogauge.records import PICK_COLUMNS, BadInput
from cryogauge.simulate.label_noise import LabelNoise, NoisyPicks

LABELS, REMOVED, USED = "labels.csv", "removed.csv", "noise.json"
#: Whose picks labels with noise are, unless another user is named.
NOISY_USER = "noisy"


def true_picks(
    project: Project, *, user: str | None, session: str | None, into: tuple[str, str] | None = None
) -> pd.DataFrame:
    """The picks of a project that noise is to be added to: those of one user and one session.

    Parameters
    ----------
    project
        From ``open_project``.
    user, session
        Whose; without a user the only ones there are, but for those of ``NOISY_USER``.
    into
        User and session that the labels will be written to: theirs are not meant either.

    Returns
    -------
    pandas.DataFrame
        As ``read_project_picks`` gives it.

    Raises
    ------
    BadInput
        When there are none, or those of several.
    """
    table = read_project_picks(project, user=user, session=session)
    if user is None:
        written = (table["user"] == NOISY_USER) | ((table["user"] + "/" + table["session"]) == "/".join(into or ()))
        table = table[~written]
    sets = sorted({f"{whose}/{which}" for whose, which in zip(table["user"], table["session"], strict=True)})
    if len(sets) != 1:
        raise BadInput(
            f"{project.config} holds {'no picks to start from' if not sets else f'picks of {some(sets)}'}",
            "say by --user and --session which are the true ones",
        )
    return table.reset_index(drop=True)


def extents_A(project: Project, runs: Iterable[str]) -> dict[str, tuple[float, float, float]]:
    """How far the tomogram of each run reaches from the centre of its first voxel to that of its last, z, y, x in Å.

    Raises
    ------
    BadInput
        When a run has no tomogram.
    """
    first = {each.run: each for each in reversed(list_tomograms(project))}
    reach = {}
    for run in runs:
        if run not in first:
            raise BadInput(f"{run} has no tomogram, so that its size is unknown", "give --size and --voxel-size")
        volume = open_tomogram(project, run, first[run].kind, first[run].voxel_size_A)
        z, y, x = ((count - 1) * volume.voxel_size_A for count in volume.data.shape)
        reach[run] = (z, y, x)
    return reach


def check_place(project: Project, truth: pd.DataFrame, folder: Path, *, user: str, session: str) -> None:
    """Raise ``BadInput`` where writing labels would take the place of the true picks, or of another's.

    Picks of this user and session may be there only when ``noise.json`` in the folder says that they were written from
    here.
    """
    runs = sorted(set(truth["tomogram"]))
    check_saving(project, runs, set(truth["object"]), user=user, session=session)
    if ((truth["user"] == user) & (truth["session"] == session)).any():
        raise BadInput(f"{user}/{session} are the true picks themselves", "write to another user or session")
    taken = [
        name
        for name, run in runs_of(project).items()
        for each in pick_sets(project, run)
        if (str(each.user_id), str(each.session_id)) == (user, session)
    ]
    if taken and _place(folder / USED) != _where(project, user, session):
        raise BadInput(
            f"{project.config} holds picks of {user}/{session} in {some(taken)}, and {folder / USED} does not say that "
            "they came from here",
            "choose another session by --save-as USER/SESSION, or name the folder of that run by --out",
        )


def _where(project: Project, user: str, session: str) -> list[str]:
    return [str(Path(project.config).resolve()), user, session]


def _place(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8")).get("written_to")
    except (OSError, ValueError, AttributeError):
        return None


def write_into(project: Project, truth: pd.DataFrame, made: NoisyPicks, *, user: str, session: str) -> int:
    """Write labels into a project; how many files.

    Each kind has a file in each run afterwards, an empty one where it has no label. Where some labels have no
    orientation, none is written.
    """
    labels = made.labels[[*PICK_COLUMNS, *(ANGLES if made.labels[list(ANGLES)].notna().all(axis=None) else ())]]
    return write_picks_into(
        project, labels, user=user, session=session, runs=set(truth["tomogram"]), objects=set(truth["object"])
    )


def write_tables(
    folder: Path,
    source: str,
    truth: pd.DataFrame,
    made: NoisyPicks,
    noise: LabelNoise,
    *,
    seed: int,
    into: tuple[Project, str, str] | None = None,
) -> dict[str, Path]:
    """Write ``labels.csv``, ``removed.csv`` and ``noise.json``: what was done to each pick, and what was asked for.

    Parameters
    ----------
    folder
        It exists. Labels of an earlier run are replaced, any other file of such a name is not.
    source
        Where the true picks came from.
    truth, made, noise, seed
        What :func:`~cryogauge.simulate.label_noise.noisy_picks` took and gave.
    into
        Project, user and session that the labels are written to as well.

    Returns
    -------
    dict
        Paths by what they hold.

    Raises
    ------
    BadInput
        When the folder holds a ``labels.csv`` that is not of an earlier run, or cannot be written.
    """
    if (folder / LABELS).exists() and not (folder / USED).exists():
        raise BadInput(f"{folder / LABELS} is there and was not written by this", "choose another folder by --out")
    used: dict[str, Any] = {"version": __version__, "source": source, "seed": seed, **asdict(noise)}
    used |= {"written_to": None if into is None else _where(*into), "counts": counts_of(truth, made)}
    write_json_file(folder / USED, used)
    write_picks(folder / LABELS, made.labels)
    write_picks(folder / REMOVED, made.removed)
    return {"labels": folder / LABELS, "removed": folder / REMOVED, "settings": folder / USED}


def counts_of(truth: pd.DataFrame, made: NoisyPicks) -> dict[str, dict[str, int]]:
    """By kind: true picks, what became of them, and the labels and false labels of its name."""
    rows = {}
    for kind in sorted(set(truth["object"].astype(str))):
        removed, own = (table[table[column] == kind] for table, column in _by_kind(made))
        named = made.labels[made.labels["object"] == kind]
        rows[kind] = {
            "true": int((truth["object"].astype(str) == kind).sum()),
            "dropped": int((removed["change"] == "dropped").sum()),
            "missed": int((removed["change"] == "missed").sum()),
            "swapped": int((own["change"] == "swapped").sum()),
            "labels": len(named),
            "false": int((named["change"] == "false").sum()),
        }
    return rows


def _by_kind(made: NoisyPicks) -> tuple[tuple[pd.DataFrame, str], tuple[pd.DataFrame, str]]:
    return (made.removed, "object"), (made.labels, "true_object")
