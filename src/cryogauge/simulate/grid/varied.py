"""Grids as sessions have them: of every make, and from perfect to lost."""

from dataclasses import replace
from typing import Literal

import numpy as np

from cryogauge.simulate.grid.settings import SQUARE_KINDS, GridSettings

_PATTERNS = ("R1.2/1.3", "R2/2", "R2/1", "R0.6/1", "R1/4", "R3.5/1", "H1.2/1.3", "H0.3/0.3", "lacey")
_PATTERN_SHARES = (0.34, 0.14, 0.12, 0.08, 0.05, 0.05, 0.08, 0.07, 0.07)
#: Share of usual shares of lost squares that a lucky and an unlucky grid have.
_LUCK = (0.3, 3.2)


def drawn_settings(seed: int, base: GridSettings | None = None, *, keep: frozenset[str] = frozenset()) -> GridSettings:
    """Settings of a grid drawn at random.

    Parameters
    ----------
    seed
        The same seed draws the same.
    base
        Of which what is not drawn is taken.
    keep
        Names of settings that are taken from the base and not drawn.
    """
    base = base or GridSettings()
    rng = np.random.default_rng([seed, 31])
    luck = float(np.exp(rng.uniform(*np.log(_LUCK))))
    pattern = str(rng.choice(_PATTERNS, p=_PATTERN_SHARES))
    gold: Literal["carbon", "gold"] = "gold" if pattern != "lacey" and rng.random() < 0.35 else "carbon"
    shares = {name: getattr(GridSettings, name) * luck * rng.uniform(0.3, 1.7) for name in SQUARE_KINDS[1:]}
    total = sum(shares.values())
    shares = {name: share * min(1.0, 0.9 / total) for name, share in shares.items()}
    drawn = {
        "mesh": int(rng.choice([200, 300, 400], p=[0.25, 0.55, 0.2])),
        "pattern": pattern,
        "foil": gold,
        "ice_nm": float(np.exp(rng.normal(np.log(45), 0.45))),
        "ice_gradient_nm": float(rng.uniform(3, 25)),
        "ice_square_nm": float(rng.uniform(3, 14)),
        "ice_hole_nm": float(rng.uniform(1.5, 7)),
        "meniscus_nm": float(rng.uniform(3, 25)),
        "edge_nm": float(rng.uniform(20, 110)),
        "crystalline": min(1.0, float(rng.choice([0.01, 0.05, 0.4], p=[0.7, 0.22, 0.08])) * luck),
        "contamination": float(np.exp(rng.normal(0, 0.8))),
        "particles_um2": float(np.exp(rng.normal(np.log(700), 0.8))),
        "particle_kDa": float(np.exp(rng.normal(np.log(400), 0.7))),
        "particle_symmetry": str(rng.choice(["C1", "C2", "C4", "D2", "D7", "O"])),
        "preferred": float(rng.uniform(0, 0.9)),
        "sound": float(rng.beta(5, 1.6)),
        **shares,
    }
    return replace(base, **{name: value for name, value in drawn.items() if name not in keep})
