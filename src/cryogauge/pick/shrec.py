"""The score of the SHREC tracks: a pick counts for the particle whose voxel it lies in, and has its class or not.

The rules are those that the organisers' scripts of 2019, 2020 and 2021 apply:

1. Voxels of a pick are rounded to whole ones, halves to even ones, and clamped to the tomogram.
2. The pick hits the particle that the occupancy mask names there. In 2020 and 2021 the mask is first dilated by one
   voxel along each axis, the larger number winning where two particles meet; in 2019 it is taken as it is.
3. In 2019 a pick beyond the masks' slices is clamped into them; afterwards it hits nothing.
4. Found are the particles with a hit (TP), missed those without (FN). Wrong are the picks that hit nothing (FP). A
   second hit of a particle is neither, but precision is TP over all picks.
5. A particle has the class of the first pick that hit it, and none if there was no hit; in 2019 a pick without a class
   is passed over for this. Classes have their F1 over the particles: a pick that hits nothing costs no class anything.
6. The mean distance between pick and centre is over first hits; in 2019 over all hits.
7. In 2021 chaperonins 4v94 and vesicles are left out with the picks that hit them; the scripts count those picks in the
   precision all the same, and vesicles in the recall.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.io.shrec.locations import BACKGROUND
from cryogauge.io.shrec.model import ShrecModel, read_occupancy
from cryogauge.records import BadInput
from cryogauge.records.shrec import SHREC_GROUPS, SHREC_KINDS, SHREC_VOXEL_A

_LEFT_OUT = {2021: frozenset({"4v94", "vesicle"})}
#: What is left out but stays in the number that recall is taken of.
_COUNTED = frozenset({"vesicle"})
#: Steps to a voxel itself and to those that share a face with it.
_CROSS = np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])


@dataclass(frozen=True)
class ShrecRules:
    """What differs from year to year.

    Attributes
    ----------
    dilated
        Widen every particle by a voxel before looking who was hit.
    clamped_to_mask
        Move picks above or below the masks' slices into them.
    first_hit_only
        Average the distances of first hits, not of all; take the class of a first hit even where it is none.
    left_out
        Kinds that are not judged.
    """

    dilated: bool = True
    clamped_to_mask: bool = False
    first_hit_only: bool = True
    left_out: frozenset[str] = frozenset()

    @classmethod
    def of(cls, year: int) -> "ShrecRules":
        """The rules of 2019, 2020 or 2021."""
        early = year == 2019
        return cls(not early, early, not early, _LEFT_OUT.get(year, frozenset()))


@dataclass(frozen=True)
class Localisation:
    """How well particles were found, whatever they were called.

    Attributes
    ----------
    picks, particles
        How many there are; recall and precision are taken of these.
    tp, fp, fn
        Particles found, picks that hit nothing, particles missed.
    multiple
        Particles hit more than once.
    outside
        Picks beyond the tomogram.
    distance_px
        Mean distance between picks and the centres of what they hit; NaN without a hit.
    recall, precision, f1, miss_rate
        0 where nothing was found; the miss rate is then 1.
    """

    picks: int
    particles: int
    tp: int
    fp: int
    fn: int
    multiple: int
    outside: int
    distance_px: float
    recall: float
    precision: float
    f1: float
    miss_rate: float


@dataclass(frozen=True)
class ShrecScore:
    """A submission judged.

    Attributes
    ----------
    localisation
        Whatever the classes.
    classes
        A row a kind of particle that is there, the largest first: ``object, group, particles, called`` (found particles
        said to be it), ``tp, fp, fn, precision, recall, f1``.
    groups
        A row a group of sizes: ``group, classes, f1``, the mean over its kinds.
    macro_f1
        Mean F1 over all rows of ``classes``.
    confusion
        Particles by their kind (rows) and by what they were called (columns), the last of which is ``background`` for
        those that were missed.
    """

    localisation: Localisation
    classes: pd.DataFrame
    groups: pd.DataFrame
    macro_f1: float
    confusion: pd.DataFrame

    def plain(self) -> dict[str, Any]:
        """All of it as JSON can hold it."""
        localisation = asdict(self.localisation)
        if not np.isfinite(self.localisation.distance_px):
            localisation["distance_px"] = None
        return {
            "localisation": localisation,
            "macro_f1": self.macro_f1,
            "groups": self.groups.to_dict("records"),
            "classes": self.classes.to_dict("records"),
            "confusion": self.confusion.to_dict("index"),
        }


def score_shrec(model: ShrecModel, picks: pd.DataFrame) -> ShrecScore:
    """Judge picks of a tomogram by the rules of its year.

    Parameters
    ----------
    model
        The tomogram with its truth.
    picks
        With ``object, x_A, y_A, z_A``, positions from the reconstruction's corner. Their order matters: of several
        picks of one particle the first gives its class.

    Raises
    ------
    BadInput
        When the truth is not known, there is no pick, or a class is none of SHREC's.
    """
    if not len(model.picks):
        raise BadInput(f"nothing is known of the particles of {model.volume.parent}", "give a tomogram with its truth")
    at = picks[["x_A", "y_A", "z_A"]].to_numpy(np.float64) / SHREC_VOXEL_A
    centres = model.picks[["x_A", "y_A", "z_A"]].to_numpy(np.float64) / SHREC_VOXEL_A
    return judge_hits(
        read_occupancy(model), centres, model.picks["object"].tolist(), at, picks["object"].tolist(),
        ShrecRules.of(model.year), offset_px=model.offset_px, height_px=model.shape[0],
    )  # fmt: skip


def judge_hits(
    occupancy: NDArray[np.integer],
    centres: NDArray[np.floating],
    kinds: list[str],
    at: NDArray[np.floating],
    called: list[str],
    rules: ShrecRules,
    *,
    offset_px: int = 0,
    height_px: int | None = None,
) -> ShrecScore:
    """Judge picks in voxels; see the module for the rules.

    Parameters
    ----------
    occupancy
        Number of the particle that fills each voxel, from 1, ``(z, y, x)``.
    centres, kinds
        Of the particles: ``(particle, 3)`` as x, y, z of the reconstruction, and what they are.
    at, called
        The same of the picks.
    rules
        Of a year.
    offset_px, height_px
        Slices of the reconstruction below the mask's first, and of all of it; those of the mask by default.

    Raises
    ------
    BadInput
        When there is no pick or particle, a class is unknown, or a position is no number.
    """
    called = [name.lower() for name in called]
    known = {kind.name for kind in SHREC_KINDS} | set(kinds) | {BACKGROUND}
    unknown = sorted(set(called) - known)
    if unknown:
        raise BadInput(f"'{unknown[0]}' is no class of SHREC's", f"known are {', '.join(sorted(known))}")
    if not len(at) or not kinds:
        raise BadInput("there is no pick" if kinds else "there is no particle", "give at least one")
    if not np.isfinite(at).all():
        raise BadInput("a pick has a position that is no number", "leave it out")
    whole, outside = _clamped(np.rint(at).astype(np.int64), occupancy.shape, rules, offset_px, height_px)
    hit = _hits(occupancy, whole, rules, offset_px)
    distance = np.linalg.norm(whole - np.rint(centres)[np.maximum(hit, 1) - 1], axis=1)
    judged = np.array([name not in rules.left_out for name in kinds])
    counts = np.bincount(hit, minlength=len(kinds) + 1)
    found, particles = counts[1:][judged], int(sum(name not in rules.left_out or name in _COUNTED for name in kinds))
    named = _named(hit, called, len(kinds), rules)
    first = _first_hits(hit) if rules.first_hit_only else hit > 0
    measured = distance[first & (hit > 0) & judged[np.maximum(hit, 1) - 1]]
    where = _localisation(len(at), particles, found, int(counts[0]), outside, measured, rules)
    return _with_classes(where, [k for k, kept in zip(kinds, judged, strict=True) if kept],
                         [n for n, kept in zip(named, judged, strict=True) if kept])  # fmt: skip


def _clamped(
    whole: NDArray[np.int64], shape: tuple[int, ...], rules: ShrecRules, offset_px: int, height_px: int | None
) -> tuple[NDArray[np.int64], int]:
    """Voxels within the tomogram, and how many were not; ``(pick, 3)`` as x, y, z."""
    height, ny, nx = shape
    low = np.array([0, 0, offset_px if rules.clamped_to_mask else 0])
    high = [nx - 1, ny - 1, (offset_px + height if rules.clamped_to_mask else height_px or offset_px + height) - 1]
    clamped = np.clip(whole, low, high)
    return clamped, int((clamped != whole).any(axis=1).sum())


def _hits(
    occupancy: NDArray[np.integer], whole: NDArray[np.int64], rules: ShrecRules, offset_px: int
) -> NDArray[np.int64]:
    """The number of the particle at each voxel, 0 for none."""
    at = whole[:, ::-1] - [offset_px, 0, 0]
    within = (at[:, 0] >= 0) & (at[:, 0] < len(occupancy))
    hit = np.zeros(len(whole), np.int64)
    last = np.array(occupancy.shape) - 1
    # a dilated mask holds the largest number beside a voxel: no need to dilate all of it
    for step in _CROSS if rules.dilated else _CROSS[:1]:
        beside = np.clip(at[within] + step, 0, last)
        hit[within] = np.maximum(hit[within], occupancy[tuple(beside.T)])
    return hit


def _first_hits(hit: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each pick is the first of those that hit what it hit."""
    first = np.zeros(len(hit), bool)
    first[np.unique(hit, return_index=True)[1]] = True
    return first


def _named(hit: NDArray[np.int64], called: list[str], particles: int, rules: ShrecRules) -> list[str]:
    """What each particle was called first; the background where it was not, or by a kind that is not judged."""
    named: list[str | None] = [None] * (particles + 1)
    for number, name in zip(hit, called, strict=True):
        if named[number] is None or (not rules.first_hit_only and named[number] == BACKGROUND):
            named[number] = name
    return [BACKGROUND if name is None or name in rules.left_out else name for name in named[1:]]


def _localisation(
    picks: int,
    particles: int,
    found: NDArray[np.integer],
    missed: int,
    outside: int,
    distances: NDArray[np.floating],
    rules: ShrecRules,
) -> Localisation:
    tp, fn = int((found > 0).sum()), int((found == 0).sum())
    recall, precision = tp / particles, tp / picks
    # the scripts of 2019 and 2020 divide what was missed, that of 2021 what was not found
    miss_rate = 1.0 - recall if rules.left_out else fn / particles
    return Localisation(
        picks, particles, tp, missed, fn, int((found > 1).sum()), outside,
        float(distances.mean()) if len(distances) else float("nan"),
        recall, precision, 2 * recall * precision / (recall + precision) if tp else 0.0, miss_rate,
    )  # fmt: skip


def _with_classes(where: Localisation, kinds: list[str], named: list[str]) -> ShrecScore:
    order = [kind.name for kind in SHREC_KINDS if kind.name in kinds]
    order += sorted(set(kinds) - set(order))
    wrongly = sorted(set(named) - set(order) - {BACKGROUND})
    confusion = pd.crosstab(pd.Series(kinds, name="object"), pd.Series(named, name="called"))
    confusion = confusion.reindex(index=order, columns=[*order, *wrongly, BACKGROUND], fill_value=0)
    groups = {kind.name: kind.group for kind in SHREC_KINDS}
    table, rows = confusion.to_numpy(), []
    for i, name in enumerate(order):
        tp, called, particles = int(table[i, i]), int(table[:, i].sum()), int(table[i].sum())
        rows.append({
            "object": name, "group": groups.get(name, ""), "particles": particles, "called": called,
            "tp": tp, "fp": called - tp, "fn": particles - tp,
            "precision": tp / called if called else 0.0, "recall": tp / particles, "f1": 2 * tp / (called + particles),
        })  # fmt: skip
    classes = pd.DataFrame(rows)
    means = [
        {"group": group, "classes": len(of), "f1": float(of["f1"].mean())}
        for group in SHREC_GROUPS
        if len(of := classes[classes["group"] == group])
    ]
    return ShrecScore(
        where, classes, pd.DataFrame(means, columns=["group", "classes", "f1"]), float(classes["f1"].mean()), confusion
    )
