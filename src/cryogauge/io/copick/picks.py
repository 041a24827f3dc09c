"""Picks of a copick project as our tables."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cryogauge.io.copick.errors import explained, reason
from cryogauge.io.copick.project import Project, check_id, layers, runs_of, some
from cryogauge.io.copick.stores import read_document, write_document
from cryogauge.io.copick.transforms import angles_of, is_rotation, matrices_of
from cryogauge.records import PICK_COLUMNS, BadInput, check_picks

_log = logging.getLogger("cryogauge.io")

ANGLES = ("rot", "tilt", "psi")
_COLUMNS = (*PICK_COLUMNS, *ANGLES, "user", "session")
_POSITION = ("x_A", "y_A", "z_A")
_IDENTITY = np.eye(4).tolist()


def pick_sets(project: Project, run: Any) -> list[Any]:
    """The pick sets of a run as copick has them, read-only ones first, by user, session and object.

    Of two with the same three names the first is taken, as copick does.

    Raises
    ------
    BadInput
        When a file is not called ``USER_SESSION_OBJECT.json``: copick would stop there, or pass over it.
    """
    with explained(project.config):
        for file_system, path in layers(run):
            for found in file_system.glob(f"{path}/Picks/*.json"):
                _check_name(str(found))
        kept: dict[tuple[str, str, str], Any] = {}
        for each in run.query_picks():
            kept.setdefault((str(each.user_id), str(each.session_id), str(each.pickable_object_name)), each)
    return [kept[key] for key in sorted(kept)]


def _check_name(path: str) -> None:
    name = path.rpartition("/")[2]
    parts = name.removesuffix(".json").split("_")
    if name.startswith(".") or (len(parts) == 3 and all(parts)):
        return
    hint = "rename it"
    if len(parts) == 1:
        hint = "files of the Kaggle challenge are renamed by `cryogauge project import-kaggle FOLDER --out PROJECT`"
    raise BadInput(f"{path} is not called USER_SESSION_OBJECT.json, without which copick knows no picks", hint)


def read_project_picks(
    project: Project,
    *,
    user: str | None = None,
    session: str | None = None,
    objects: Sequence[str] | None = None,
    runs: Sequence[str] | None = None,
) -> pd.DataFrame:
    """All picks of a project, or those of one user, one session, some objects or some runs.

    Parameters
    ----------
    project
        From ``open_project``.
    user, session
        Ids as in the files' names; all by default.
    objects, runs
        Names; all by default.

    Returns
    -------
    pandas.DataFrame
        ``PICK_COLUMNS``, ``rot, tilt, psi`` (degrees, RELION's ZYZ; NaN where the file says that its orientations are
        not to be trusted), ``user, session``. ``tomogram`` holds the run's name; a position is copick's location plus
        the translation of its transformation, in Å from the corner. A point without a score has NaN.

    Raises
    ------
    BadInput
        When no file of picks is there or matches, an object or run is unknown, or a file is damaged or misnamed.
    Retryable
        When a server cannot be reached.
    """
    known = {item.name for item in project.root.config.pickable_objects}
    unknown = set(objects or ()) - known
    if unknown:
        raise BadInput(f"{project.config} has no object {some(unknown)}", f"its objects are {some(known)}")
    sets = [
        (name, each)
        for name, run in runs_of(project, runs).items()
        for each in pick_sets(project, run)
        if objects is None or each.pickable_object_name in objects
    ]
    wanted = [
        (name, each)
        for name, each in sets
        if user in (None, str(each.user_id)) and session in (None, str(each.session_id))
    ]
    if not wanted:
        raise _nothing(project, user, session, sets)
    tables = [_read(project, name, each) for name, each in wanted]
    return pd.concat(tables, ignore_index=True)[list(_COLUMNS)]


def _nothing(project: Project, user: str | None, session: str | None, sets: list[tuple[str, Any]]) -> BadInput:
    if not sets:
        return BadInput(
            f"{project.config} holds no picks of what was asked for",
            "copick looks for ExperimentRuns/RUN/Picks/USER_SESSION_OBJECT.json under its roots",
        )
    there = some(f"{each.user_id}/{each.session_id}" for _, each in sets)
    asked = f"user {user or 'any'} and session {session or 'any'}"
    return BadInput(f"{project.config} holds no picks of {asked}", f"there are, by user and session: {there}")


def _read(project: Project, run_name: str, found: Any) -> pd.DataFrame:
    where = f"{found.user_id}_{found.session_id}_{found.pickable_object_name} of {run_name}"
    with explained(project.config):
        stored = stored_picks(found, where)
    if str(stored.get("unit") or "angstrom").lower() not in ("angstrom", "å", "a"):
        raise BadInput(f"the picks {where} are in {stored['unit']}, not in angstrom", "write them again in Å")
    points = stored["points"]
    try:
        location = np.array([[point["location"][axis] for axis in "xyz"] for point in points], dtype=np.float64)
        matrices = np.array([point.get("transformation_") or _IDENTITY for point in points], dtype=np.float64)
        score = np.array([point.get("score", 1.0) for point in points], dtype=np.float64)
        matrices = matrices.reshape(-1, 4, 4)
        position = location.reshape(-1, 3) + matrices[:, :3, 3]
    except KeyError as error:
        raise BadInput(f"the picks {where} are damaged: a point has no {error.args[0]}", "write them again") from error
    except (TypeError, ValueError) as error:
        raise BadInput(f"the picks {where} are damaged: {reason(error)}", "write them again") from error
    if not np.isfinite(position).all():
        raise BadInput(f"the picks {where} have a position that is no number", "write them again")
    trusted = stored.get("trust_orientation") is not False
    angles = angles_of(matrices[:, :3, :3]) if trusted else np.full(position.shape, np.nan)
    odd = int((~is_rotation(matrices[:, :3, :3])).sum()) if trusted else 0
    if odd:
        _log.warning("%d of the picks %s have a transformation that is no rotation: no angles", odd, where)
    columns = np.column_stack([position, score, angles]).T
    made = {"tomogram": run_name, "object": str(found.pickable_object_name)}
    made |= dict(zip((*_POSITION, "score", *ANGLES), columns, strict=True))
    return pd.DataFrame(made | {"user": str(found.user_id), "session": str(found.session_id)}, index=range(len(points)))


def is_on_portal(found: Any) -> bool:
    """Whether a pick set or segmentation is the data portal's own."""
    return bool(found.read_only) and hasattr(found.meta, "portal_metadata")


def stored_picks(found: Any, where: str) -> dict[str, Any]:
    """What copick's file of picks holds, ``points`` a list.

    A file is read as it is: copick's own checks of each point would take most of the time.

    Raises
    ------
    BadInput
        When it is no JSON or holds no points; the message calls it ``where``.
    """
    if is_on_portal(found):
        return found.load().model_dump()
    try:
        stored = read_document(found.fs, found.path)
    except BadInput as error:
        raise BadInput(f"the picks {where} are damaged: {error.message}", error.hint) from error
    points = stored.get("points")
    if not isinstance(points, list):
        if points is None and "pickable_object_name" in stored:  # as copick has it of an empty file
            return stored | {"points": []}
        raise BadInput(f"the picks {where} are damaged: there are no points", "write them again")
    return stored


def check_saving(project: Project, runs: Iterable[str], objects: Iterable[str], *, user: str, session: str) -> None:
    """Raise ``BadInput`` where ``write_project_picks`` would, whichever of the objects it is given in whichever run."""
    names = list(objects)
    _writable(project, {(run, name) for run in runs for name in names}, user, session)


def _writable(project: Project, places: set[tuple[str, str]], user: str, session: str) -> dict[str, Any]:
    """Runs by their names as copick has them; raises ``BadInput`` where picks of a run and object cannot be written."""
    check_id("user", user)
    check_id("session", session)
    known = {item.name for item in project.root.config.pickable_objects}
    unknown = {name for _, name in places} - known
    if unknown:
        raise BadInput(f"{project.config} has no object {some(unknown)}", f"its objects are {some(known)}")
    runs = runs_of(project, {run for run, _ in places})
    for run_name, run in runs.items():
        for each in pick_sets(project, run):
            name = str(each.pickable_object_name)
            if each.read_only and _is(each, user, session) and (run_name, name) in places:
                raise BadInput(
                    f"the picks {user}_{session}_{name} of {run_name} lie in the project's read-only part",
                    "choose another session",
                )
    return runs


def write_project_picks(
    project: Project,
    table: pd.DataFrame,
    *,
    user: str,
    session: str,
    runs: Iterable[str] = (),
    objects: Iterable[str] = (),
) -> int:
    """Write picks into the project's overlay, a file a run and object, in place of this user's and session's own.

    Files of runs and objects that the table lacks stay as they are, but for those that ``runs`` and ``objects`` name.

    Parameters
    ----------
    project
        From ``open_project``.
    table
        ``PICK_COLUMNS``, where ``tomogram`` is a run of the project; ``rot, tilt, psi`` in degrees if known. Without,
        or where all three are NaN, the file says that its orientations are not to be trusted.
    user, session
        Ids without underscores. copick takes the session ``0`` for a tool's.
    runs, objects
        What was searched for what: each of these objects has a file in each of these runs afterwards, an empty one
        where the table has no pick of it, so that no earlier picks outlive it.

    Returns
    -------
    int
        How many files were written.

    Raises
    ------
    BadInput
        When the table is no pick table, names unknown runs or objects, has positions that are no numbers, or some
        angles of a file and not others; when copick would change an id, or a static root holds these picks already.
    Retryable
        When the disk is full or a server cannot be reached.
    """
    check_picks(table)
    groups = table.groupby([table["tomogram"].astype(str), table["object"].astype(str)])
    found = {(str(key[0]), str(key[1])): picks for key, picks in groups}
    searched = list(objects)
    places = set(found) | {(run, name) for run in runs for name in searched}
    held = _writable(project, places, user, session)
    documents = []
    for run_name, name in sorted(places):
        path = f"{held[run_name].overlay_path}/Picks/{user}_{session}_{name}.json"
        picks = found.get((run_name, name), table.iloc[:0])
        documents.append((held[run_name], path, _document(run_name, name, picks, user, session)))
    with explained(project.config):
        for run, path, document in documents:
            write_document(run.fs_overlay, path, document)
    return len(documents)


def _is(found: Any, user: str, session: str) -> bool:
    return (str(found.user_id), str(found.session_id)) == (user, session)


def _document(run: str, name: str, picks: pd.DataFrame, user: str, session: str) -> dict[str, Any]:
    """What copick's file of picks holds; the position is its location, and the translation is zero."""
    position = picks[list(_POSITION)].to_numpy(dtype=np.float64)
    if not np.isfinite(position).all():
        raise BadInput(f"some picks of {name} in {run} have a position that is no number", "leave them out")
    angles = (
        picks[list(ANGLES)].to_numpy(dtype=np.float64)
        if set(ANGLES) <= set(picks.columns)
        else np.full((len(picks), 3), np.nan)
    )
    given = np.isfinite(angles)
    if given.any() and not given.all():
        raise BadInput(
            f"some picks of {name} in {run} have angles and some have none; copick says it of a file as a whole",
            "write them under two sessions",
        )
    trusted = bool(given.all())
    matrices = np.tile(np.eye(4), (len(picks), 1, 1))
    if trusted:
        matrices[:, :3, :3] = matrices_of(angles)
    scores = picks["score"].to_numpy(dtype=np.float64)
    return {
        "pickable_object_name": name,
        "user_id": user,
        "session_id": session,
        "run_name": run,
        "voxel_spacing": None,
        "unit": "angstrom",
        "points": [
            {
                "location": dict(zip("xyz", where, strict=True)),
                "transformation_": matrix,
                "instance_id": 0,
                "score": score if np.isfinite(score) else None,
            }
            for where, matrix, score in zip(position.tolist(), matrices.tolist(), scores.tolist(), strict=True)
        ],
        "trust_orientation": trusted,
    }
