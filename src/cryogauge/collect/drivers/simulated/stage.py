"""A stage: it stops beside where it was sent, has backlash, drifts, and reads back none of that."""

import math
from dataclasses import dataclass, field

import numpy as np

from cryogauge.collect.drivers.simulated.settings import Costs, Mechanics
from cryogauge.records.microscope import StagePosition

_AXES = ("x_um", "y_um", "z_um", "tilt_deg")


@dataclass
class Stage:
    """Where it was sent, and where it is.

    Attributes
    ----------
    mechanics
        Its errors.
    rng
        Of its errors.
    asked
        Where it was sent: the read-back but for noise.
    error_um
        (x, y) from there to where it stopped.
    moved_s
        When the last move ended.
    drift_A_s
        (x, y) then.
    """

    mechanics: Mechanics
    rng: np.random.Generator
    asked: StagePosition = field(default_factory=lambda: StagePosition(0.0, 0.0, 0.0, 0.0))
    error_um: tuple[float, float] = (0.0, 0.0)
    moved_s: float = 0.0
    drift_A_s: tuple[float, float] = (0.0, 0.0)

    def seconds_to(self, target: StagePosition, costs: Costs) -> float:
        """What a move takes."""
        tilt = abs(target.tilt_deg - self.asked.tilt_deg) * costs.tilt_s_deg
        return costs.stage_s + self._distance_um(target) / costs.stage_speed_um_s + tilt

    def move(self, target: StagePosition, now_s: float) -> None:
        """Be there, nearly; drift begins anew."""
        of = self.mechanics
        distance_um = self._distance_um(target)
        if distance_um or target.tilt_deg != self.asked.tilt_deg:
            spread = of.stage_error_um * min(1.0, 0.2 + distance_um / 5.0)
            missing = [
                -of.backlash_um if getattr(target, axis) < getattr(self.asked, axis) else 0.0 for axis in _AXES[:2]
            ]
            kept = [
                error if getattr(target, axis) == getattr(self.asked, axis) else lost
                for axis, error, lost in zip(_AXES[:2], self.error_um, missing, strict=True)
            ]
            x, y = np.asarray(kept) + self.rng.normal(0.0, spread, 2)
            self.error_um = (float(x), float(y))
            angle = self.rng.uniform(0.0, 2.0 * math.pi)
            rate = of.drift_A_s * min(1.0, 0.25 + 0.75 * distance_um / 100.0)
            self.drift_A_s = (rate * math.cos(angle), rate * math.sin(angle))
        self.asked, self.moved_s = target, now_s

    def read(self) -> StagePosition:
        """What the stage says."""
        noise = self.rng.normal(0.0, self.mechanics.readback_um, 4)
        return StagePosition(*(float(getattr(self.asked, axis) + off) for axis, off in zip(_AXES, noise, strict=True)))

    def drift(self, now_s: float) -> tuple[float, float]:
        """Å a second in x and y."""
        left = math.exp(-(now_s - self.moved_s) / self.mechanics.drift_decay_s)
        return self.drift_A_s[0] * left, self.drift_A_s[1] * left

    def center_um(self, now_s: float) -> tuple[float, float]:
        """Point of the specimen under the beam, without image shift."""
        run_s = self.mechanics.drift_decay_s * -math.expm1(-(now_s - self.moved_s) / self.mechanics.drift_decay_s)
        x, y = (
            sent + error + rate * run_s / 1e4
            for sent, error, rate in zip((self.asked.x_um, self.asked.y_um), self.error_um, self.drift_A_s, strict=True)
        )
        return x, y

    def seconds_until(self, rate_A_s: float, now_s: float) -> float:
        """Time until drift is no faster; infinite when it never is."""
        now = math.hypot(*self.drift(now_s)) + self.mechanics.drift_floor_A_s
        if now <= rate_A_s:
            return 0.0
        if rate_A_s <= self.mechanics.drift_floor_A_s:
            return math.inf
        wanted = rate_A_s - self.mechanics.drift_floor_A_s
        return self.mechanics.drift_decay_s * math.log((now - self.mechanics.drift_floor_A_s) / wanted)

    def _distance_um(self, target: StagePosition) -> float:
        return math.dist((target.x_um, target.y_um, target.z_um), (self.asked.x_um, self.asked.y_um, self.asked.z_um))
