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
  low.
- ``wrong``: a label where the network sees little. The score is the probability that it is a random place, see
  :func:`cryogauge.pick.audit.calibrate.place_given_height`. Where the network sees little at many labels of a kind, it
  does not know the kind, and none of them stands out.
- ``swapped``: both at one place, a doubtful label and a likely particle of another kind. The score is the product.

A network remembers what it has learned: it should judge tomograms that it has not learned from, see
:mod:`cryogauge.pick.audit.batch`.
"""

from collections.abc import Sequence

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
    picks = picks[picks["has"] != "own"]
    doubt, other, missing = np.zeros(len(labels)), np.zeros(len(labels)), np.zeros(len(picks))
    for each in objects:
        of_kind = {role: table[table["object"] == each.name] for role, table in rows.items()}
        heights = {role: table["probability"].to_numpy(float) for role, table in of_kind.items()}
        is_place = place_given_height(heights["label"], heights["place"])
        is_particle = particle_given_unlabelled(heights["pick"], (of_kind["pick"]["has"] == "own").to_numpy())
        mine, meant = (labels["object"] == each.name).to_numpy(), (labels["other"] == each.name).to_numpy()
        doubt[mine] = is_place(heights["label"])
        other[meant] = is_particle(labels.loc[meant, "other_probability"].to_numpy(float))
        lacking = (picks["object"] == each.name).to_numpy()
        missing[lacking] = is_particle(picks.loc[lacking, "probability"].to_numpy(float))
    swapped = other > 0.5  # the likelier of the two
    of_labels = labels.assign(
        kind=np.where(swapped, "swapped", "wrong"),
        other=np.where(swapped, labels["other"], ""),
        score=doubt * np.where(swapped, other, 1 - other),
    )
    free = (picks["has"] == "").to_numpy()
    of_places = _one_a_place(picks[free].assign(kind="missing", other="", score=missing[free]), objects)
    table = pd.concat([of_labels, of_places], ignore_index=True)
    # of equal scores by what the network itself says: high where a label lacks, low where one is too much
    seen = table["probability"].to_numpy(float)
    order = np.lexsort((np.where(table["kind"] == "missing", -seen, seen), -table["score"].to_numpy(float)))
    table = table.iloc[order]
    return table.loc[table["score"] >= LEAST, list(SUGGESTION_COLUMNS)].reset_index(drop=True)


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
