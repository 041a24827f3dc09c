"""2-D classification: expectation and maximisation over class, turn and shift, from coarse to fine.

The model and its maximum are those of Scheres et al. (J. Mol. Biol. 348, 139, 2005) with RELION's prior on the averages
(Scheres, J. Struct. Biol. 180, 519, 2012), on rings of the Fourier transform. See ``docs/explanation``.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.imaging.class2d.expectation import Poses, Sums, Templates, expect, make_templates, shift_grid
from cryogauge.imaging.class2d.final import average_classes
from cryogauge.imaging.class2d.maximisation import averages_of, noise_power, refill
from cryogauge.imaging.class2d.polar import Rings
from cryogauge.imaging.class2d.prepare import batches, reduced, sign_of, soft_circle
from cryogauge.imaging.class2d.settings import ClassSettings, Plan, make_plan
from cryogauge.imaging.class2d.transfer import Transfer, transfer_at, transfer_of
from cryogauge.imaging.threads import thread_count
from cryogauge.records import BadInput

Say = Callable[[str], None]

#: Columns of a classification's history, a row an iteration.
HISTORY_COLUMNS = (
    "iteration",
    "resolution_A",  # that alignment used
    "likelihood",  # mean over particles of the logarithm, against noise alone
    "certainty",  # mean probability of the likeliest class
    "changed",  # share of particles that changed class
    "refilled",  # classes that were empty and got half of the largest
    "smallest",  # share of the particles in the smallest class
    "largest",  # and in the largest
)

_BATCH_VALUES = 2_000_000  # likelihoods held at a time by a thread


@dataclass(frozen=True)
class Classification:
    """Classes of particles.

    Attributes
    ----------
    averages
        float32 ``(class, y, x)``, bright, in standard deviations of a particle's background; 0 for an empty class.
    assignment
        Class of each particle, from 0.
    angle_deg
        Turn of its class from +x towards +y about pixel ``n // 2`` that makes the particle.
    shift_px
        Shift ``(particle, 2)`` (y, x) after the turn.
    score
        Correlation of each particle with its class average, on the rings that alignment used.
    certainty
        Probability of its class among all.
    resolution_A
        Of each class by the ring correlation of two halves at 0.143. The halves were aligned to one average, so it is
        too good up to the finest resolution of alignment, for classes of noise most of all.
    distribution
        Share of the particles in each class.
    history
        :data:`HISTORY_COLUMNS`.
    inverted
        Whether averages are the negative of the particles.
    notes
        Sentences on what was unusual.
    """

    averages: NDArray[np.float32]
    assignment: NDArray[np.int64]
    angle_deg: NDArray[np.float64]
    shift_px: NDArray[np.float64]
    score: NDArray[np.float64]
    certainty: NDArray[np.float64]
    resolution_A: NDArray[np.float64]
    distribution: NDArray[np.float64]
    history: pd.DataFrame
    inverted: bool
    notes: tuple[str, ...] = ()


def classify(
    particles: Any,
    pixel_size_A: float,
    settings: ClassSettings | None = None,
    *,
    ctf: Transfer | None = None,
    start: NDArray[np.floating] | None = None,
    say: Say | None = None,
) -> Classification:
    """Sort particle images into classes.

    Parameters
    ----------
    particles
        Array-like ``(particle, n, n)``, which may be a memory map; read in batches, twice. Of each, its lowest
        frequencies are kept in memory.
    pixel_size_A
        Edge of a pixel.
    settings
        How; :class:`ClassSettings` says what is usual.
    ctf
        Contrast transfer ``(particle, n, n // 2 + 1)`` in the layout of ``rfft2``, or a function that gives that of a
        slice of the particles. Without one, averages are as the microscope left them.
    start
        Averages ``(class, n, n)`` to begin with, as an earlier call returned them; else of random parts.
    say
        Called with a sentence an iteration.

    Returns
    -------
    Classification

    Raises
    ------
    BadInput
        When particles are not square images of 16 pixels or more, hold values that are not finite, or are fewer than
        the classes; or when mask, transfer or start do not fit.
    """
    settings = settings or ClassSettings()
    tell = say or (lambda _: None)
    _check(particles, settings, start)
    count, box = len(particles), int(particles.shape[-1])
    plan = make_plan(box, pixel_size_A, settings)
    tell(f"reading {count} particles of {box} px")
    inverted = sign_of(particles, plan.radius_px, ctf) < 0 if settings.invert is None else settings.invert
    sign = -1.0 if inverted else 1.0
    small, flat = reduced(particles, plan.radius_px, 2 * (plan.rings[-1] + 3))
    small *= np.float32(sign)
    poses, history = _iterate(small, plan, settings, ctf, start, tell)
    tell("averaging at full resolution")
    averaged = average_classes(
        particles, pixel_size_A, poses.assignment, poses.angle_rad, poses.shift_px, settings.classes,
        radius_px=plan.radius_px, transfer=ctf, sign=sign,
    )  # fmt: skip
    notes = [f"{len(flat)} constant images, which say nothing: {_listed(flat)}"] if len(flat) else []
    members = np.bincount(poses.assignment, minlength=settings.classes)
    if (members == 0).any():
        notes.append(f"{int((members == 0).sum())} classes have no particles")
    return Classification(
        averaged.images, poses.assignment, np.rad2deg(poses.angle_rad) % 360, poses.shift_px, poses.score,
        poses.certainty, averaged.resolution_A, members / count, history, bool(inverted), tuple(notes),
    )  # fmt: skip


def _check(particles: Any, settings: ClassSettings, start: NDArray[np.floating] | None) -> None:
    shape = tuple(getattr(particles, "shape", np.shape(particles)))
    if len(shape) != 3 or shape[1] != shape[2]:
        raise BadInput(f"particles must be square images, not an array of {shape}", "give (particle, y, x)")
    if settings.classes > shape[0]:
        raise BadInput(f"{shape[0]} particles cannot fill {settings.classes} classes", "ask for fewer classes")
    if start is not None and tuple(start.shape) != (settings.classes, *shape[1:]):
        raise BadInput(
            f"averages of {start.shape} are no start for {settings.classes} classes of {shape[1]} pixels",
            "give one of the particles' size for each class",
        )


def _listed(indices: NDArray[np.integer]) -> str:
    few = ", ".join(str(int(k)) for k in indices[:10])
    return few + (", …" if len(indices) > 10 else "")


def _iterate(
    small: NDArray[np.float32],
    plan: Plan,
    settings: ClassSettings,
    ctf: Transfer | None,
    start: NDArray[np.floating] | None,
    tell: Say,
) -> tuple[Poses, pd.DataFrame]:
    count = len(small)
    share = float(np.square(soft_circle(plan.box_px, plan.radius_px)).mean())
    halves = np.arange(count) % 2
    centre = np.zeros((count, 2))
    last = np.full(count, -1)
    rings = Rings(plan.rings[0], plan.box_px, plan.radius_px)
    averages, power = _start(small, plan, rings, settings, ctf, start)
    noise = power.copy()
    rows = []
    poses: Poses | None = None
    for k, used in enumerate(plan.rings):
        rings = Rings(plan.rings[min(k + 1, len(plan.rings) - 1)], plan.box_px, plan.radius_px)
        averages = rings.fitted(averages)
        noise = np.concatenate([noise, np.full(rings.count - len(noise), noise[-1])])
        step = max(0.25 * plan.box_px / used, 0.5)
        templates = make_templates(
            averages, rings, used, noise / (share * plan.box_px**2), shift_grid(step, plan.largest_shift_px)
        )
        poses, sums, power = _expect_all(small, centre, halves, templates, rings, ctf)
        centre = _moved(centre, poses, plan.largest_shift_px)
        last_power = rings.power(averages)
        averages = averages_of(sums, noise, last_power)
        refilled = 0
        if k < 0.7 * len(plan.rings) and k + 1 < len(plan.rings):
            averages, refilled = refill(averages, sums, noise, last_power)
        noise = noise_power(power, averages, sums, rings)
        shares = sums.members.sum(axis=0) / count
        changed = float((poses.assignment != last).mean()) if k else 1.0
        last = poses.assignment
        rows.append(
            (k + 1, plan.resolution_A(used), float(poses.likelihood.mean()), float(poses.certainty.mean()), changed,
             refilled, float(shares.min()), float(shares.max()))
        )  # fmt: skip
        tell(
            f"iteration {k + 1} of {len(plan.rings)}: to {plan.resolution_A(used):.3g} Å, "
            f"{100 * changed:.0f} % changed class" + (f", {refilled} classes refilled" if refilled else "")
        )
    assert poses is not None
    return replace(poses, shift_px=centre), pd.DataFrame(rows, columns=pd.Index(HISTORY_COLUMNS))


def _waves(
    small: NDArray[np.float32], centre: NDArray[np.floating], rings: Rings, ctf: Transfer | None, part: slice
) -> tuple[NDArray[np.complex64], NDArray[np.float32], NDArray[np.float32]]:
    """Waves of a batch times transfer, brought to the middle; mean squared transfer; mean power without transfer."""
    values = rings.on_rings(small[part])
    power = np.square(np.abs(values)).mean(axis=2)
    values *= rings.shifts(-centre[part])
    passed = transfer_of(ctf, part, rings.box_px)
    if passed is None:
        return rings.to_waves(values), np.ones(power.shape, dtype=np.float32), power
    there = transfer_at(passed, *rings.directions).reshape(values.shape)
    return rings.to_waves(values * there), np.square(there).mean(axis=2), power


def _start(
    small: NDArray[np.float32],
    plan: Plan,
    rings: Rings,
    settings: ClassSettings,
    ctf: Transfer | None,
    start: NDArray[np.floating] | None,
) -> tuple[NDArray[np.complex64], NDArray[np.float64]]:
    """First averages ``(class, ring, wave)``, of random parts as they lie unless given, and the particles' power."""
    count, classes = len(small), settings.classes
    assignment = np.random.default_rng(settings.seed).permutation(np.arange(count) % classes)
    total = np.zeros((classes, rings.count, rings.waves), dtype=np.complex64)
    weight, power = np.zeros((classes, rings.count)), np.zeros(rings.count)
    for part in batches(count):
        waves, transfer, energy = _waves(small, np.zeros((count, 2)), rings, ctf, part)
        np.add.at(total, assignment[part], waves)
        np.add.at(weight, assignment[part], transfer)
        power += energy.sum(axis=0)
    if start is not None:
        mask = soft_circle(plan.box_px, plan.radius_px)
        return rings.to_waves(rings.on_rings(np.asarray(start, dtype=np.float32) * mask)), power / count
    members = np.bincount(assignment, minlength=classes)
    return (total / (weight + 0.1 * members[:, None])[..., None]).astype(np.complex64), power / count


def _expect_all(
    small: NDArray[np.float32],
    centre: NDArray[np.float64],
    halves: NDArray[np.int64],
    templates: Templates,
    rings: Rings,
    ctf: Transfer | None,
) -> tuple[Poses, Sums, NDArray[np.float64]]:
    """Expectation over all particles, on all threads; sums are added in the particles' order."""

    def job(part: slice) -> tuple[Poses, Sums, NDArray[np.float64]]:
        waves, transfer, power = _waves(small, centre, rings, ctf, part)
        poses, sums = expect(waves, transfer, halves[part], templates, rings)
        return poses, sums, power.sum(axis=0, dtype=np.float64)

    each = rings.points * templates.waves.shape[2]
    parts = batches(len(small), int(np.clip(_BATCH_VALUES // each, 1, 256)))
    threads = thread_count()
    found: list[Poses] = []
    sums: Sums | None = None
    power = np.zeros(rings.count)
    with ThreadPoolExecutor(threads) as pool:
        for first in range(0, len(parts), 2 * threads):
            for poses, part, energy in pool.map(job, parts[first : first + 2 * threads]):
                found.append(poses)
                sums = part if sums is None else sums + part
                power += energy
    assert sums is not None
    return Poses.joined(found), sums, power / len(small)


def _moved(centre: NDArray[np.float64], poses: Poses, largest_px: float) -> NDArray[np.float64]:
    """Shifts of the particles after what was found of them: that of the average, turned, is added."""
    cosine, sine = np.cos(poses.angle_rad), np.sin(poses.angle_rad)
    y, x = poses.shift_px.T
    moved = centre + np.stack([cosine * y + sine * x, cosine * x - sine * y], axis=1)
    away = np.hypot(*moved.T)
    return moved * np.minimum(1.0, largest_px / np.maximum(away, 1e-12))[:, None]
