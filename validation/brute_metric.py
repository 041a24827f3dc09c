"""The challenge's metric again, in plain loops over Python numbers: written from its public description alone.

It shares no code with the package and takes no short cut: every pick is compared with every particle.
"""

from collections.abc import Sequence

#: ``(tomogram, kind, x, y, z)``.
Row = tuple[str, str, float, float, float]
#: Radius in Å and weight of the six kinds.
KINDS = {
    "apo-ferritin": (60.0, 1.0),
    "beta-amylase": (65.0, 0.0),
    "beta-galactosidase": (90.0, 2.0),
    "ribosome": (150.0, 1.0),
    "thyroglobulin": (130.0, 2.0),
    "virus-like-particle": (135.0, 1.0),
}


def brute_score(
    truth: Sequence[Row], picks: Sequence[Row], beta: float = 4.0, factor: float = 0.5
) -> tuple[float, dict[str, tuple[int, int, int]]]:
    """The score, and TP, FP and FN of each kind of the truth.

    Raises
    ------
    ValueError
        For two particles at one place, and for a pick of an unknown kind in a tomogram of the truth.
    """
    tomograms = list(dict.fromkeys(row[0] for row in truth))
    kinds = list(dict.fromkeys(row[1] for row in truth))
    places = [(row[0], *row[2:]) for row in truth]
    if len(set(places)) < len(places):
        raise ValueError("two particles at one place")
    counted = [row for row in picks if row[0] in tomograms]
    if any(row[1] not in KINDS for row in counted):
        raise ValueError("an unknown kind")
    sums = {}
    for kind in kinds:
        tp = fp = fn = 0
        for tomogram in tomograms:
            references = [row[2:] for row in truth if row[:2] == (tomogram, kind)]
            candidates = [row[2:] for row in counted if row[:2] == (tomogram, kind)]
            hits = sum(any(_within(r, c, KINDS[kind][0] * factor) for c in candidates) for r in references)
            tp, fp, fn = tp + hits, fp + len(candidates) - hits, fn + len(references) - hits
        sums[kind] = (tp, fp, fn)
    total = 0.0
    for kind, (tp, fp, fn) in sums.items():
        precision = tp / (tp + fp) if tp + fp > 0 else 0.0
        recall = tp / (tp + fn) if tp + fn > 0 else 0.0
        f = 0.0
        if precision + recall > 0:
            f = (1 + beta**2) * (precision * recall) / (beta**2 * precision + recall)
        total += f * KINDS[kind][1]
    return total / sum(weight for _, weight in KINDS.values()), sums


def _within(first: Sequence[float], second: Sequence[float], reach: float) -> bool:
    (x, y, z), (u, v, w) = first, second
    return (x - u) * (x - u) + (y - v) * (y - v) + (z - w) * (z - w) <= reach * reach
