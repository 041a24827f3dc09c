"""What a session learns about settling and focus while it goes on."""

import math
from dataclasses import dataclass, replace

#: Moves within a square are shorter; what they need is learned apart from what longer ones do.
FAR_UM = 40.0


@dataclass(frozen=True)
class Settling:
    """How long to wait after a move before drift is looked at.

    Attributes
    ----------
    wait_s
        Now; long at first, so that the first look at drift tells how short one can be.
    look_s
        The shortest look at drift so far.
    """

    wait_s: float = 45.0
    look_s: float = math.inf

    def learned(self, look_s: float, rate_A_s: float, wanted_A_s: float, most_s: float) -> "Settling":
        """After a look at drift.

        Half way to what was needed: longer by what the look took over the shortest one, shorter by a fifth when drift
        had fallen below half of what is allowed at once.

        Parameters
        ----------
        look_s
            How long it took until drift was low enough.
        rate_A_s, wanted_A_s
            Drift then, and what is allowed.
        most_s
            Longest wait.
        """
        shortest = min(self.look_s, look_s)
        more = look_s - shortest
        needed = self.wait_s + more
        if more <= 0.1 * shortest and rate_A_s < 0.5 * wanted_A_s:
            needed = 0.8 * self.wait_s
        return replace(self, wait_s=min(0.5 * (self.wait_s + needed), most_s), look_s=shortest)


@dataclass(frozen=True)
class Focus:
    """What is known of focus.

    Attributes
    ----------
    zero_A
        The lens's defocus at which the specimen would be in focus, NaN where unknown.
    at_um
        (x, y) of the stage at the last autofocus.
    left_A
        The defocus it brought the specimen to.
    off
        Whether the last exposure was too far from what was wanted.
    """

    zero_A: float = math.nan
    at_um: tuple[float, float] = (math.inf, math.inf)
    left_A: float = math.nan
    off: bool = False

    def why(self, at_um: tuple[float, float], every_um: float) -> str:
        """Why focus at a place, or empty where what is known serves."""
        if math.isnan(self.zero_A):
            return "focus is not known"
        moved = math.dist(at_um, self.at_um)
        if moved > every_um:
            return f"the stage moved {moved:.0f} µm" if math.isfinite(moved) else "the square is new"
        return "the last exposure was out of focus" if self.off else ""

    def learned(self, wanted_A: float, fitted_A: float, within_A: float) -> "Focus":
        """After an exposure whose defocus was fitted; NaN tells nothing."""
        if math.isnan(fitted_A):
            return self
        error = fitted_A - wanted_A
        if abs(error) > within_A:
            return replace(self, off=True)
        return replace(self, zero_A=self.zero_A - 0.5 * error, off=False)
