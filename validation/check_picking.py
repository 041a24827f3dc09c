"""The best of the presets on unseen phantoms, each taught for the same time, of what is recorded of each.

``python -m validation picking_fast``, ``picking_deepfinder`` and ``picking_deepfindet`` record them.
"""

from tools.figures import load

FIGURES = ("phantom_weighted_f4",)
_EACH = "phantom_weighted_f4_"


def run(small: bool = False) -> dict[str, float]:
    """The highest of the recorded figures; ``small`` changes nothing."""
    recorded = {name: float(entry["value"]) for name, entry in load().items() if name.startswith(_EACH)}
    if not recorded:
        raise SystemExit("no preset is measured yet\nhint: python -m validation picking_fast")
    print("     " + "  ".join(f"{name.removeprefix(_EACH)} {value:.3f}" for name, value in recorded.items()))
    return {FIGURES[0]: max(recorded.values())}
