"""Graders by name: the network, how it is shown averages, how it learns."""

from dataclasses import dataclass, replace

from cryogauge.records import BadInput


@dataclass(frozen=True)
class Preset:
    """A grader's recipe.

    Attributes
    ----------
    network
        ``grader``, ours, or ``cryosift``, the published one.
    edge_px
        Of the images that it is shown.
    margin
        Edge of the examples that are kept for learning over that: room to turn, move and shrink what they show.
    augmented
        Show every example turned, moved, masked and in other grey values each time.
    batch, learning_rate, weight_decay, averaging, falling
        How it learns; the decay is that of Adam, added to the gradient.
    steps
        Steps in all, unless an order says otherwise.
    symmetries
        Average over turns by 45°, every other one mirrored, when grading.
    half
        Compute in bfloat16 while learning.
    """

    network: str
    edge_px: int
    margin: float
    augmented: bool
    batch: int
    learning_rate: float
    weight_decay: float
    averaging: float
    falling: bool
    steps: int
    symmetries: bool
    half: bool = False


PRESETS = {
    "grader": Preset("grader", 96, 4 / 3, True, 64, 2e-3, 1e-5, 0.998, True, 12_000, True, half=True),
    # Adam at a constant rate, 200 passes through some 29,000 of 32,204 averages (sections 2.2 and 3.1)
    "cryosift": Preset("cryosift", 210, 1.0, False, 32, 1e-4, 1e-4, 0.0, False, 181_000, False),
}


def find_preset(name: str) -> Preset:
    """A preset by its name; raises ``BadInput`` for an unknown one."""
    if name not in PRESETS:
        raise BadInput(f"no grader is called {name!r}", f"one of: {', '.join(PRESETS)}")
    return PRESETS[name]


def with_steps(preset: Preset, steps: int | None) -> Preset:
    """The same recipe in so many steps, or as it is for None."""
    return preset if steps is None else replace(preset, steps=steps)
