"""Labels ranked by how likely they are wrong or missing.

The three sorts of errors and the kinds of particles come into one list, so their scores must mean the same. A network's
probabilities do not: those of a rare kind stay low where those of a common one are near 1, and a kind that it has not
learned says nothing at all. Each kind is therefore calibrated by its own labels, from the evidence of all tomograms
together, as in confident learning, which holds every class against its own confidence (Northcutt, Jiang and Chuang,
JAIR 2021, section 3). Two things are taken for granted, without which labels are not worth auditing: at least half of a
kind's particles are labelled, and at least half of its labels are right.

- ``missing``: a pick without a label. Among picks of one height the part that has labels tells how many are particles;
  the score is the probability that this one is, see
  :func:`cryogauge.pick.audit.calibrate.particle_given_unlabelled`. A kind whose picks the labels do not back up ranks
  low. What one kind says where another is labelled, or is likelier, counts neither for it nor against it: a network
  that takes one kind for another at half of its places may still know it well.
- ``wrong``: a label where the network sees little. The score is the probability that it is a random place, see
  :func:`cryogauge.pick.audit.calibrate.place_given_height`. Where the network sees little at many labels of a kind, it
  does not know the kind, and none of them stands out.
- ``swapped``: both at one place, a doubtful label and a likely particle of another kind. The score is the product.

A network remembers what it has learned: it should judge tomograms that it has not learned from, see
:mod:`cryogauge.pick.audit.batch`.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from cryogauge.pick.audit.calibrate import particle_given_unlabelled, place_given_height
from cryogauge.pick.audit.look import AXES, REACH, look
from cryogauge.pick.presets import Preset
from cryogauge.records import PickObject

#: ``kind`` is ``missing``, ``wrong`` or ``swapped``; ``object`` the label's kind, or that of the missing particle;
#: ``other`` what a swapped one rather is, else empty; ``score`` 0–1, the surest first.
SUGGESTION_COLUMNS = ("tomogram", "kind", "object", "other", "x_A", "y_A", "z_A", "score")
#: Less sure suggestions are not made.
LEAST = 0.05


def suggest(
    probability: np.ndarray,
    picks: pd.DataFrame,
    objects: Sequence[PickObject],
    voxel_size_A: float,
    preset: Preset,
    tomogram: str,
) -> pd.DataFrame:
    """Suggestions for one tomogram by itself: :func:`rank` of what :func:`cryogauge.pick.audit.look.look` returns.

    Parameters are those of :func:`cryogauge.pick.audit.look.look`. Of several tomograms rank all evidence at once:
    kinds are then calibrated by more labels, and scores are comparable across tomograms.
    """
    return rank(look(probability, picks, objects, voxel_size_A, preset, tomogram), objects)


def rank(evidence: pd.DataFrame, objects: Sequence[PickObject]) -> pd.DataFrame:
    """One ranked list of suggestions from the evidence of any number of tomograms.

    Parameters
    ----------
    evidence
        Rows of :data:`cryogauge.pick.audit.look.EVIDENCE_COLUMNS`.
    objects
        The kinds.

    Returns
    -------
    :data:`SUGGESTION_COLUMNS`, the surest first. No label is in two rows, and no place without a label.
    """
    rows = {role: evidence[evidence["role"] == role] for role in ("pick", "label", "place")}
    labels, picks = rows["label"], rows["pick"]
    doubt, other = np.zeros(len(labels)), np.zeros(len(labels))
    for each in objects:
        heights = {
            role: rows[role].loc[rows[role]["object"] == each.name, "probability"].to_numpy(float)
            for role in ("label", "place")
        }
        mine, meant = (labels["object"] == each.name).to_numpy(), (labels["other"] == each.name).to_numpy()
        doubt[mine] = place_given_height(heights["label"], heights["place"])(heights["label"])
        is_particle = _of_kind(picks[picks["object"] == each.name])
        other[meant] = is_particle(labels.loc[meant, "other_probability"].to_numpy(float))
    swapped = other > 0.5  # the likelier of the two
    of_labels = labels.assign(
        kind=np.where(swapped, "swapped", "wrong"),
        other=np.where(swapped, labels["other"], ""),
        score=doubt * np.where(swapped, other, 1 - other),
    )
    table = pd.concat([of_labels, _missing(picks, objects)], ignore_index=True)
    # of equal scores by what the network itself says: high where a label lacks, low where one is too much
    seen = table["probability"].to_numpy(float)
    order = np.lexsort((np.where(table["kind"] == "missing", -seen, seen), -table["score"].to_numpy(float)))
    table = table.iloc[order]
    return table.loc[table["score"] >= LEAST, list(SUGGESTION_COLUMNS)].reset_index(drop=True)


def _missing(picks: pd.DataFrame, objects: Sequence[PickObject]) -> pd.DataFrame:
    """Picks without a label in reach, one a place, with the probability that they are particles.

    Calibrated twice: first to tell which kind is likeliest where several see something, then on the likeliest alone.
    """
    free = picks[picks["has"] != "other"]
    likeliest = _one_a_place(free.assign(score=_particles(free, objects) + (free["has"] == "own")), objects)
    likeliest = likeliest.assign(score=_particles(likeliest, objects), kind="missing", other="")
    return likeliest[likeliest["has"] == ""]


def _particles(picks: pd.DataFrame, objects: Sequence[PickObject]) -> np.ndarray:
    """The probability of each that it is a particle if it has no label, by what picks of its kind are backed up."""
    out = np.zeros(len(picks))
    for each in objects:
        mine = (picks["object"] == each.name).to_numpy()
        out[mine] = _of_kind(picks[mine])(picks.loc[mine, "probability"].to_numpy(float))
    return out


def _of_kind(picks: pd.DataFrame) -> Callable[[np.ndarray], np.ndarray]:
    return particle_given_unlabelled(picks["probability"].to_numpy(float), (picks["has"] == "own").to_numpy())


def _one_a_place(picks: pd.DataFrame, objects: Sequence[PickObject]) -> pd.DataFrame:
    """Of picks of several kinds in reach of each other the likeliest."""
    radii = {each.name: each.radius_A for each in objects}
    kept = []
    for _, there in picks.groupby("tomogram", sort=False):
        places, scores = there[AXES].to_numpy(float), there["score"].to_numpy(float)
        reach = REACH * there["object"].map(radii).to_numpy(float)
        near = KDTree(places).query_ball_point(places, REACH * max(radii.values()))
        gone = np.zeros(len(there), dtype=bool)
        for i in np.argsort(-scores, kind="stable"):
            if gone[i]:
                continue
            kept.append(there.index[i])
            around = np.array(near[i])
            distance = np.linalg.norm(places[around] - places[i], axis=1)
            gone[around[distance <= np.maximum(reach[i], reach[around])]] = True
    return picks.loc[kept]
