"""An audit in the hands of people: what is shown next, what is asked, what was answered."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryogauge.io.copick import open_project, read_project_picks
from cryogauge.pick.audit.apply import Corrected, write_back
from cryogauge.pick.audit.folder import read_audit
from cryogauge.pick.audit.pictures import SectionPictures
from cryogauge.pick.audit.store import DECISIONS, DecisionStore
from cryogauge.pick.order import digest_of_picks
from cryogauge.records import BadInput, PickObject

#: Half of a section's edge in radii of the particle, and the least and most of it in voxels.
_HALF_RADII, _LEAST_PX, _MOST_PX = 3.5, 16, 72
_PLACE = ["x_A", "y_A", "z_A"]


@dataclass(frozen=True)
class Circle:
    """A sphere near a suggestion, in voxels of the sections: 0.5 is the middle of the first pixel.

    Attributes
    ----------
    object
        Its kind.
    role
        ``label`` or ``suggested`` at the suggestion itself, ``near`` for another label.
    x, y, z, radius
        Centre and radius.
    """

    object: str
    role: str
    x: float
    y: float
    z: float
    radius: float


class AuditSession:
    """The suggestions of an audit folder and the answers to them; safe to use from several threads.

    Parameters
    ----------
    folder
        What ``cryogauge pick audit`` wrote.
    count
        So many suggestions are shown, the surest first.

    Raises
    ------
    BadInput
        When the folder holds no audit, nothing is suggested, or the labels have changed since.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self.audit, every = read_audit(folder)
        if not len(every):
            raise BadInput(f"nothing is suggested in {folder}", "the networks agree with the labels")
        self.store = DecisionStore(folder / DECISIONS, self.audit.labels)
        self.suggestions = every.iloc[:count]
        labels = read_project_picks(open_project(self.audit.config), user=self.audit.user, session=self.audit.session)
        if digest_of_picks(labels) != self.audit.labels:
            raise BadInput(
                f"the labels {self.audit.user}/{self.audit.session} have changed since they were audited",
                "run `cryogauge pick audit` again, into another folder",
            )
        self._labels = {str(name): table for name, table in labels.groupby("tomogram")}
        self._pictures = SectionPictures()
        self._kinds = {each.name: each for each in (*open_project(self.audit.config).objects, *self.audit.objects)}

    def upcoming(self, annotator: str, number: int) -> list[str]:
        """Ids of the next suggestions that somebody has not answered."""
        done = self.store.answered(annotator)
        return [each for each in self.suggestions.index if each not in done][:number]

    def progress(self, annotator: str) -> dict[str, int]:
        """How many of the suggestions somebody has answered (``done``), passed over (``skipped``), and all."""
        answered = self.store.answered(annotator)
        mine = [answered[each] for each in self.suggestions.index if each in answered]
        return {"done": len(mine), "skipped": mine.count(None), "total": len(self.suggestions)}

    def answer(self, annotator: str, suggestion: str, said: str | None, seconds: float) -> bool:
        """Keep what somebody says is there: a kind, empty for no particle, None to pass over.

        Raises
        ------
        BadInput
            For an unknown suggestion or kind.
        """
        row = self._row(suggestion)
        if said and said not in {each.name for each in self.audit.objects}:
            raise BadInput(f"there is no kind {said}", "load the page again")
        return self.store.add(suggestion, annotator, said, _plain(row), seconds)

    def undo(self, annotator: str) -> str | None:
        """Take somebody's last answer to these suggestions back; the id, or None when there is none."""
        for each in reversed(self.store.answered(annotator)):
            if each in self.suggestions.index:
                self.store.remove(each, annotator)
                return each
        return None

    def ask_again(self, annotator: str) -> None:
        """Forget what somebody has passed over."""
        for each, said in self.store.answered(annotator).items():
            if said is None:
                self.store.remove(each, annotator)

    def shown(self, suggestion: str) -> dict[str, Any]:
        """All that a page needs to ask about a suggestion, but the picture."""
        row = self._row(suggestion)
        kind, name, other = (str(row[column]) for column in ("kind", "object", "other"))
        first, half, voxel_A = self._frame(row)
        circles = [_circle(self._kinds[name], "suggested" if kind == "missing" else "label", row, first, voxel_A)]
        if other:
            circles.append(_circle(self._kinds[other], "suggested", row, first, voxel_A))
        labels = self._labels.get(str(row["tomogram"]), pd.DataFrame(columns=["object", *_PLACE]))
        for _, each in labels.iterrows():
            known = self._kinds.get(str(each["object"]))
            own = str(each["object"]) == name and np.allclose(each[_PLACE].to_numpy(float), row[_PLACE].to_numpy(float))
            if known is None or (own and kind != "missing"):
                continue
            circle = _circle(known, "near", each, first, voxel_A)
            if all(-circle.radius < at < 2 * half + 1 + circle.radius for at in (circle.x, circle.y, circle.z)):
                circles.append(circle)
        return {
            "id": suggestion, "kind": kind, "object": name, "other": other, "tomogram": str(row["tomogram"]),
            "score": float(row["score"]), "edge_px": 2 * half + 1, "voxel_size_A": voxel_A,
            "place_nm": [round(float(row[axis]) / 10, 1) for axis in _PLACE],
            "remembered": str(row["tomogram"]) in self.audit.remembered,
            "circles": [vars(each) for each in circles],
        }  # fmt: skip

    def picture(self, suggestion: str) -> bytes:
        """The sections through a suggestion, see :meth:`cryogauge.pick.audit.pictures.SectionPictures.png`."""
        row = self._row(suggestion)
        (x, y, z), half, _ = self._frame(row)
        return self._pictures.png(self._uri(row), (z + half, y + half, x + half), half)

    def write(self, user: str, session: str) -> Corrected:
        """Write the labels with all decisions so far, see :func:`cryogauge.pick.audit.apply.write_back`."""
        return write_back(self.audit, self.store, user, session)

    def _row(self, suggestion: str) -> pd.Series:
        if suggestion not in self.suggestions.index:
            raise BadInput("there is no such suggestion", "load the page again")
        return self.suggestions.loc[[suggestion]].iloc[0]

    def _uri(self, row: pd.Series) -> str:
        return self.audit.tomograms[str(row["tomogram"])]

    def _frame(self, row: pd.Series) -> tuple[tuple[int, int, int], int, float]:
        """First voxel of the sections (x, y, z), half their edge in voxels, and the voxel size."""
        voxel_A = self._pictures.voxel_size_A(self._uri(row))
        radius_A = max(self._kinds[str(row[name])].radius_A for name in ("object", "other") if row[name])
        half = int(np.clip(round(_HALF_RADII * radius_A / voxel_A), _LEAST_PX, _MOST_PX))
        x, y, z = (round(float(row[axis]) / voxel_A) - half for axis in _PLACE)
        return (x, y, z), half, voxel_A


def _circle(kind: PickObject, role: str, place: pd.Series, first: tuple[int, int, int], voxel_A: float) -> Circle:
    x, y, z = (float(place[axis]) / voxel_A - start + 0.5 for axis, start in zip(_PLACE, first, strict=True))
    return Circle(kind.name, role, x, y, z, kind.radius_A / voxel_A)


def _plain(row: pd.Series) -> dict[str, Any]:
    texts = {name: str(row[name]) for name in ("tomogram", "kind", "object")}
    return texts | {axis: float(row[axis]) for axis in _PLACE}
