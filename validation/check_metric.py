"""The challenge's metric against an independent brute force, on random cases that lie where metrics go wrong.

Positions on a coarse lattice, so that many coincide and many lie exactly at the border; picks given twice; kinds and
tomograms without particles, without picks, or in the picks alone; several particles in the reach of one pick; other β
and reach. A case counts as a mismatch when a count or the last digit of the score differs.
"""

import numpy as np
import pandas as pd

from cryogauge.pick.challenge import Rules, score_picks
from validation.brute_metric import KINDS, Row, brute_score

FIGURES = ("metric_mismatches",)
_CASES = 5000
#: Whole numbers whose squares add up to that of half a radius: at the border exactly.
_AT_THE_BORDER = {
    "apo-ferritin": (10, 20, 20),
    "beta-galactosidase": (27, 36, 0),
    "ribosome": (21, 72, 0),
    "thyroglobulin": (25, 60, 0),
}


def run(small: bool = False) -> dict[str, float]:
    """Compare on 5000 random cases, 200 when ``small``."""
    rng = np.random.default_rng(20241106)
    cases = 200 if small else _CASES
    mismatches, above, negative = 0, 0, 0
    for _ in range(cases):
        truth, picks = random_case(rng)
        beta, factor = (4.0, 0.5) if rng.random() < 0.5 else (float(rng.uniform(0.1, 9)), float(rng.uniform(0.1, 2)))
        wanted, sums = brute_score(truth, picks, beta, factor)
        found = score_picks(table(truth), table(picks), Rules(beta=beta, radius_factor=factor))
        counts = found.objects.set_index("object").loc[list(sums), ["tp", "fp", "fn"]]
        same = [tuple(row) for row in counts.to_numpy().tolist()] == list(sums.values())
        mismatches += not (same and found.score == wanted)
        above += wanted > 1
        negative += any(fp < 0 for _, fp, _ in sums.values())
    return {
        "metric_mismatches": float(mismatches),
        "metric_cases": float(cases),
        "metric_cases_above_1": float(above),
        "metric_cases_negative_fp": float(negative),
    }


def table(rows: list[Row]) -> pd.DataFrame:
    """Rows as a pick table."""
    return pd.DataFrame(rows, columns=pd.Index(["tomogram", "object", "x_A", "y_A", "z_A"])).assign(score=np.nan)


def random_case(rng: np.random.Generator) -> tuple[list[Row], list[Row]]:
    """A truth of at least one particle without duplicates, and picks."""
    kinds = list(KINDS)
    tomograms = [f"TS_{number}" for number in range(int(rng.integers(1, 4)))]
    lattice = rng.random() < 0.6
    extent = float(rng.choice([150.0, 600.0, 3000.0]))

    def point() -> tuple[float, float, float]:
        values = rng.integers(0, int(extent) // 15, 3) * 15.0 if lattice else rng.uniform(-20.0, extent, 3)
        x, y, z = values.tolist()
        return x, y, z

    truth: dict[tuple, Row] = {}
    for _ in range(int(rng.integers(1, 40))):
        tomogram, kind, place = str(rng.choice(tomograms)), str(rng.choice(kinds[: rng.integers(1, 7)])), point()
        truth.setdefault((tomogram, place), (tomogram, kind, *place))
    rows = [*truth.values()]
    picks: list[Row] = []
    for _ in range(int(rng.integers(0, 40)) if rng.random() < 0.95 else 0):
        tomogram, kind, x, y, z = rows[rng.integers(len(rows))]
        what = rng.random()
        if what < 0.3:  # near a particle
            x, y, z = (float(value) for value in np.array([x, y, z]) + rng.normal(0, 30, 3))
        elif what < 0.5 and kind in _AT_THE_BORDER:
            step = rng.permutation(_AT_THE_BORDER[kind]) * rng.choice([-1, 1], 3)
            x, y, z = x + int(step[0]), y + int(step[1]), z + int(step[2])
        elif what < 0.8:
            x, y, z = point()
            kind = str(rng.choice(kinds))
        elif what < 0.9:  # where the truth has nothing
            tomogram, kind = "elsewhere", str(rng.choice([*kinds, "unknown"]))
        picks += [(tomogram, kind, x, y, z)] * int(rng.choice([1, 1, 1, 2, 3]))
    order = rng.permutation(len(rows))
    return [rows[i] for i in order], picks
