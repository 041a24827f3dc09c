"""When to leave the rest of a square or grid out, by the contrast transfer of what was exposed so far.

Smart EPU skips areas that keep giving micrographs with a poor fit (Bepler et al. 2022, section 2); here the number of
exposures that it takes follows from how sure one can be.
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import beta

from cryogauge.collect.screen.settings import SkipRules


def share_below(good: int, total: int, share: float) -> float:
    """Probability that fewer than ``share`` are good, of which ``good`` of ``total`` seen are, by a uniform prior."""
    return float(beta.cdf(share, 1 + good, 1 + total - good))


def why_skip(fits_A: Sequence[float], rules: SkipRules, what: str) -> str:
    """Why the rest of a ``square`` or ``grid`` is skipped, in a sentence; empty when it is not.

    Parameters
    ----------
    fits_A
        To which the contrast transfer of each exposure fits; NaN or infinite where it does not fit at all.
    rules
        What is good, and how sure one must be.
    what
        ``square`` or ``grid``.
    """
    share, confidence = (
        (rules.square_share, rules.square_confidence) if what == "square" else (rules.grid_share, rules.grid_confidence)
    )
    fits = np.asarray(fits_A, dtype=np.float64)
    good = int(np.sum(fits <= rules.good_resolution_A))
    sure = share_below(good, len(fits), share)
    if not len(fits) or sure < confidence:
        return ""
    return (
        f"{good} of {len(fits)} exposures fit to {rules.good_resolution_A:g} Å or better: with a probability of "
        f"{100 * sure:.0f} % less than {100 * share:.0f} % of the {what} would."
    )
