"""When to leave the rest of a square or grid out, by the contrast transfer of what was exposed so far.

Smart EPU skips areas that keep giving micrographs with a poor fit (Bepler et al. 2022, section 2); here the number of
exposures that it takes follows from how sure one can be.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
from scipy.stats import beta

from cryogauge.collect.screen.settings import SkipRules

#: Correlation of being good between exposures of one square, and of one hole; in sessions of the simulated microscope
#: it is 0.8 in squares.
_ALIKE = 0.8


def share_below(good: float, total: float, share: float) -> float:
    """Probability that fewer than ``share`` are good, of which ``good`` of ``total`` seen are, by a uniform prior."""
    return float(beta.cdf(share, 1 + good, 1 + total - good))


def fits_looked_for(rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, float]]:
    """Names of exposures and the resolution in Å to which their contrast transfer fits, infinite where it does not fit;
    those in which it was not looked for, since their pixels are too coarse or the judge fits none, are left out.
    """
    told = [(row["exposure"], float(row["ctf_resolution_A"]), str(row.get("flags", ""))) for row in rows]
    return [
        (name, np.inf if np.isnan(fit) else fit) for name, fit, flags in told
        if not np.isnan(fit) or "no_ctf" in flags.split()
    ]  # fmt: skip


def why_skip(rows: Iterable[Mapping[str, Any]], rules: SkipRules, what: Literal["square", "grid"]) -> str:
    """Why the rest of a square or grid is skipped, in a sentence; empty when it is not.

    Exposures of one square tell of one another, so that those of a grid count as fewer, by the design effect of samples
    in clusters: *m* of a square as m / (1 + (m − 1)·ρ), where ρ is their correlation (Kish, Survey Sampling, 1965,
    section 5.4). Likewise those of one hole among those of a square.

    Parameters
    ----------
    rows
        Of the exposures: ``exposure``, as ``grid/square/hole/shot``, ``ctf_resolution_A`` and ``flags``.
    rules
        What is good, and how sure one must be.
    what
        Which.
    """
    share, confidence, part = {
        "square": (rules.square_share, rules.square_confidence, 2),
        "grid": (rules.grid_share, rules.grid_confidence, 1),
    }[what]
    clusters: dict[str, list[bool]] = {}
    for name, fit_A in fits_looked_for(rows):
        clusters.setdefault(name.split("/")[part], []).append(fit_A <= rules.good_resolution_A)
    counts = np.array([(sum(good), len(good)) for good in clusters.values()]).reshape(-1, 2)
    good, total = counts.sum(axis=0)
    good_worth, worth = counts.T @ (1 / (1 + (counts[:, 1] - 1) * _ALIKE))
    sure = share_below(good_worth, worth, share)
    if not clusters or sure < confidence:
        return ""
    where = f"in {len(clusters)} {'holes' if what == 'square' else 'squares'} "
    return (
        f"{good} of {total} exposures {where if total > len(clusters) else ''}fit to {rules.good_resolution_A:g} Å or "
        f"better: with a probability of {100 * sure:.0f} % less than {100 * share:.0f} % of the {what} would."
    )
