"""What needs no learning on unseen phantoms, to show that they are hard; see :mod:`validation.baselines`."""

from validation.baselines import measure

_METHODS = {
    "phantom_f4_blobs": "blobs",
    "phantom_f4_matched_filter": "matched_filter",
    "phantom_f4_matched_decoy": "matched_decoy",
}
FIGURES = tuple(_METHODS)


def run(small: bool = False) -> dict[str, float]:
    """Measure all methods; what was found before is taken from ``work/``."""
    return {figure: measure(method, small=small) for figure, method in _METHODS.items()}
