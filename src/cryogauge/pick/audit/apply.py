"""Decisions made into new picks; the old ones stay as they are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cryogauge.io.copick import Project, check_saving, open_project, read_project_picks, write_project_picks
from cryogauge.io.copick.picks import ANGLES, pick_sets
from cryogauge.io.copick.project import runs_of
from cryogauge.pick.audit.folder import Audit
from cryogauge.pick.audit.store import Decision, DecisionStore
from cryogauge.pick.order import digest_of_picks
from cryogauge.records import BadInput

_PLACE = ["x_A", "y_A", "z_A"]
#: A label is known by its place within this.
_SAME_A = 0.01


@dataclass(frozen=True)
class Corrected:
    """Labels with decisions applied.

    Attributes
    ----------
    picks
        The new labels.
    added, removed, renamed
        How many.
    without_angles
        Particles whose angles are left out: a file of picks tells the angles of all or of none.
    """

    picks: pd.DataFrame
    added: int
    removed: int
    renamed: int
    without_angles: int

    @property
    def text(self) -> str:
        """What was done, in words."""
        told = f"{self.added} added, {self.removed} removed, {self.renamed} renamed"
        if self.without_angles:
            told += f"; the angles of {self.without_angles} are left out beside particles without"
        return told


def corrected(picks: pd.DataFrame, decisions: Sequence[Decision]) -> Corrected:
    """Labels less those that are wrong, with those that were missing, and renamed where they are of another kind.

    Parameters
    ----------
    picks
        The old labels: a pick table, with angles or without.
    decisions
        Those that leave a label as it is change nothing.

    Raises
    ------
    BadInput
        When a label that was judged is not there.
    """
    table = picks.reset_index(drop=True)
    kinds, gone = table["object"].to_numpy(dtype=object, copy=True), np.zeros(len(table), dtype=bool)
    new, renamed = [], np.zeros(len(table), dtype=bool)
    for each in decisions:
        if each.said == each.label:
            continue
        where = (each.x_A, each.y_A, each.z_A)
        if not each.label:
            new.append((each.tomogram, each.said, *where, 1.0))
            continue
        here = (table["tomogram"] == each.tomogram) & (table["object"] == each.label)
        here &= np.abs(table[_PLACE].to_numpy(float) - where).max(axis=1, initial=0.0) < _SAME_A
        if not here.any():
            raise BadInput(
                f"{each.tomogram} has no label of {each.label} at {', '.join(f'{at:.0f}' for at in where)} Å any more",
                "audit the labels as they are now",
            )
        if each.said:
            kinds[here], renamed[here] = each.said, True
        else:
            gone |= here.to_numpy()
    changed = table.assign(object=kinds)
    has_angles = set(ANGLES) <= set(table.columns)
    if has_angles:
        changed.loc[renamed, list(ANGLES)] = np.nan  # they were of another particle's map
    added = pd.DataFrame(new, columns=pd.Index(["tomogram", "object", *_PLACE, "score"]))
    out = changed[~gone] if added.empty else pd.concat([changed[~gone], added], ignore_index=True)
    out = out.drop_duplicates(["tomogram", "object", *_PLACE]).reset_index(drop=True)
    lost = 0
    if has_angles:
        known = out[list(ANGLES)].notna().all(axis=1)
        mixed = known & ~known.groupby([out["tomogram"], out["object"]]).transform("all")
        out.loc[mixed, list(ANGLES)] = np.nan
        lost = int(mixed.sum())
    return Corrected(out, len(new), int(gone.sum()), int((renamed & ~gone).sum()), lost)


def write_back(audit: Audit, store: DecisionStore, user: str, session: str) -> Corrected:
    """Write the corrected labels into the copick project as another user's or session's.

    Raises
    ------
    BadInput
        When these would take the place of the audited labels, or of picks that were not written from this audit; when
        the labels have changed since; or when picks cannot be written.
    """
    if (user, session) == (audit.user, audit.session):
        raise BadInput(f"{user}/{session} are the labels that were audited", "choose another session")
    project = open_project(audit.config)
    old = read_project_picks(project, user=audit.user, session=audit.session)
    if digest_of_picks(old) != audit.labels:
        raise BadInput(
            f"the labels {audit.user}/{audit.session} of {audit.config} have changed since they were audited",
            "run `cryogauge pick audit` again, into another folder",
        )
    done = corrected(old, store.decided())
    runs, names = sorted(set(old["tomogram"])), sorted({each.name for each in project.objects})
    check_saving(project, runs, names, user=user, session=session)
    if not store.has_written(user, session):
        _check_free(project, user, session)
    write_project_picks(
        project, done.picks.drop(columns=["user", "session"]), user=user, session=session, runs=runs,
        objects=sorted(set(old["object"]) | set(done.picks["object"])),
    )  # fmt: skip
    store.note_written(user, session)
    return done


def _check_free(project: Project, user: str, session: str) -> None:
    """Raise ``BadInput`` where somebody's picks are called so already."""
    for run in runs_of(project).values():
        if any((str(each.user_id), str(each.session_id)) == (user, session) for each in pick_sets(project, run)):
            raise BadInput(f"{project.config} holds picks of {user}/{session} already", "choose another session")
