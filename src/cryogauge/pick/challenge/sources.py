"""Positions from wherever they are kept: the challenge's CSV, our CSV, a copick project."""

from pathlib import Path

import pandas as pd

from cryogauge.pick.challenge.rules import Rules, read_objects
from cryogauge.pick.challenge.submission import read_picks_file
from cryogauge.records import PICK_COLUMNS, BadInput


def is_project(source: str | Path) -> bool:
    """Whether a source is the configuration of a copick project."""
    from cryogauge.io.copick import is_config

    return Path(source).is_file() and is_config(Path(source))


def make_rules(
    objects: str | Path | None,
    truth: str | Path,
    *,
    beta: float = 4.0,
    radius_factor: float = 0.5,
    tolerance_A: float | None = None,
) -> Rules:
    """The rules to score by: kinds from a file, or those of the truth's copick project, or of the CZII challenge.

    Raises
    ------
    BadInput
        As :func:`cryogauge.pick.challenge.read_objects`, and for a β or factor that cannot be.
    """
    if objects is None and not is_project(truth):
        return Rules(beta=beta, radius_factor=radius_factor, tolerance_A=tolerance_A)
    return Rules(read_objects(truth if objects is None else objects), beta, radius_factor, tolerance_A)


def read_positions(
    source: str | Path, rules: Rules | None = None, *, user: str | None = None, session: str | None = None
) -> pd.DataFrame:
    """Read a table of ``PICK_COLUMNS``.

    Parameters
    ----------
    source
        A CSV with the challenge's head or ours, or the configuration of a copick project.
    rules
        Their kinds are read; a CSV may hold no others, other kinds of a project are passed over.
    user, session
        Whose picks of a copick project; of all by default.

    Raises
    ------
    BadInput
        When it cannot be read, a row of a CSV cannot be used, or the project has no such picks.
    """
    rules = rules or Rules()
    if not is_project(source):
        if user or session:
            raise BadInput(f"{source} is no copick project: it has no users and sessions", "leave them out")
        return read_picks_file(source, rules)
    from cryogauge.io.copick import open_project, read_project_picks

    project = open_project(source)
    known = {each.name for each in project.objects}
    picks = read_project_picks(
        project, user=user, session=session, objects=[name for name in rules.names if name in known]
    )
    return picks[list(PICK_COLUMNS)]


def tomograms_of(source: str | Path) -> list[str] | None:
    """The runs of a copick project, with or without particles; None for a CSV, which knows of no empty ones."""
    if not is_project(source):
        return None
    from cryogauge.io.copick import open_project, run_names

    return run_names(open_project(source))
