"""What may be asked of a microscope: every number is held against the limits before anything moves."""

import math

from cryogauge.records.faults import Unsafe
from cryogauge.records.microscope import Limits


def check_stage(limits: Limits, **axes: float | None) -> None:
    """Refuse a stage position outside the box.

    Parameters
    ----------
    limits
        What is allowed.
    **axes
        ``x_um``, ``y_um``, ``z_um``, ``tilt_deg``; ``None`` for an axis that stays.

    Raises
    ------
    Unsafe
        When a value is not finite or outside its range.
    """
    for name, value in axes.items():
        if value is not None:
            _within(name, value, getattr(limits, name))


def check_shift(limits: Limits, kind: str, x_um: float, y_um: float) -> None:
    """Refuse an ``image_shift_um`` or ``beam_shift_um`` that is too long; raises as :func:`check_stage`."""
    _within(kind, math.hypot(x_um, y_um), (0.0, getattr(limits, kind)))


def check_defocus(limits: Limits, defocus_A: float) -> None:
    """Refuse a defocus outside the range; raises as :func:`check_stage`."""
    _within("defocus_A", defocus_A, limits.defocus_A)


def check_dose(limits: Limits, dose_e_A2: float) -> None:
    """Refuse an exposure that is negative or too large; raises as :func:`check_stage`."""
    _within("dose_e_A2", dose_e_A2, (0.0, limits.dose_e_A2))


def _within(name: str, value: float, allowed: tuple[float, float]) -> None:
    low, high = allowed
    if not low <= value <= high:  # nor NaN, which is within nothing
        raise Unsafe(
            f"{name} = {value:g} is outside {low:g} to {high:g}", "nothing was moved; the limits are yours to set"
        )
