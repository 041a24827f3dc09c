"""Phantoms for picking: the density alone as against PolNet, and a tomogram of the challenge's size.

``phantom_speed_ratio_polnet`` is 20 s, which PolNet 1.1.2 took for a sample of 300 × 300 × 100 voxels with membranes on
a machine like the one all figures come from (its microscope, which needs IMOD, left out), over the seconds for drawing
a phantom's specimen of that size: the mean of several, five times as crowded as the challenge's so that they hold
membranes. PolNet itself is not run here. Compilation is not timed: something small is made first.
"""

import time
from collections.abc import Callable

from cryogauge.simulate.phantom import PhantomSettings, make_phantom
from cryogauge.simulate.phantom.mixture import draw_mixture

FIGURES = ("phantom_speed_ratio_polnet",)

_POLNET_SECONDS = 20.0
_SPECIMENS = 6


def run(small: bool = False) -> dict[str, float]:
    """Measure; ``small`` takes a third of the width and leaves the tomogram of the challenge's size away."""
    make_phantom(PhantomSettings(shape=(32, 64, 64), thickness_nm=(30.0, 30.0)), 0)
    edge = 100 if small else 300
    settings = PhantomSettings(shape=(100, edge, edge), voxel_size_A=10.0, thickness_nm=(96.0, 96.0), crowding=5.0)
    drawing = _seconds(lambda: [draw_mixture(settings, seed) for seed in range(_SPECIMENS)]) / _SPECIMENS
    figures = {"phantom_specimen_seconds": drawing, "phantom_speed_ratio_polnet": _POLNET_SECONDS / drawing}
    if not small:
        figures["phantom_seconds_630"] = _seconds(lambda: make_phantom(PhantomSettings(), 1))
    return figures


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
