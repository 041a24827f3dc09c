"""One class average from what its members are, without classifying them.

With n members of known views the average follows from sums: the signal is the mean of the members' projections, the
noise white with 1/n of a particle's variance, and the program's Wiener filter, whose transfer follows from both, acts
on signal and noise alike (Scheres, J. Mol. Biol. 415, 406, 2012, equation 3 in two dimensions).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from cryogauge.imaging.fourier import ring_index
from cryogauge.imaging.transforms import irfft2, rfft2
from cryogauge.simulate.classes.contaminants import CONTAMINANTS, aggregate
from cryogauge.simulate.classes.optics import Optics
from cryogauge.simulate.classes.structure import Structure, bent
from cryogauge.simulate.classes.views import random_views, scattered_views, splat, views_along

#: Views that stand for all members, fewest and most, and how many a degree of error in the plane asks for.
_MEMBERS, _MOST_MEMBERS, _MEMBERS_1_DEG = 20, 90, 4.0
#: Part of the members' scatter about their view that is between those views; the rest is within each.
_BETWEEN = 0.7
#: Views of wrongly assigned members and of neighbours, and degrees about each that all of them fill.
_STRAYS, _STRAY_DEG = 14, 20.0
#: How far along, and how far askew of, the axis of its class a wrong filament comes to lie.
_SLID_A, _ASKEW_DEG = 40.0, 2.0
_DEFOCI = 24
#: Clumps that stand for all of a class of aggregates, which keep some lumps in common.
_CLUMPS = (3, 40)


@dataclass(frozen=True)
class Recipe:
    """What the members of one class are and how well they lie on one another.

    Attributes
    ----------
    particles
        How many; 0 gives the flat image of a class that died.
    spread_deg
        Standard deviation of the members' viewing directions about the class's.
    in_plane_deg, shift_A
        Standard deviations of the errors of alignment.
    wrong
        Share of members that are other views or other species, aligned as well as they can be: filaments along the
        axis of the class.
    hinge_deg
        How far the moving part of the members swings to either side.
    offset_A
        y and x of the particle from the middle of the box.
    neighbour
        Weight of a second particle that most members have beside them, 0 to 1.
    crowding
        Particles that a member has at random places about it.
    overfit
        Standard deviation of the noise over what averaging leaves: what aligning to noise adds.
    contaminant
        ``ice``, ``carbon``, ``edge``, ``aggregate`` or ``empty``: no particle at all; empty text for one.
    """

    particles: int
    spread_deg: float = 3.0
    in_plane_deg: float = 1.0
    shift_A: float = 1.0
    wrong: float = 0.0
    hinge_deg: float = 0.0
    offset_A: tuple[float, float] = (0.0, 0.0)
    neighbour: float = 0.0
    crowding: float = 0.0
    overfit: float = 1.0
    contaminant: str = ""


class Average(NamedTuple):
    """An average before the program's finish, in units of contrast, bright protein.

    Attributes
    ----------
    image
        float32 ``(y, x)``.
    truth
        float32 ``(y, x)``: projection of the one particle the class is of, without CTF, noise or blur; 0 for junk.
    extra
        float32 ``(y, x)``: what else is in the average and should not be, without noise: neighbours.
    resolution_A
        Where the signal of the average meets its noise, as a program that knows both would say.
    """

    image: NDArray[np.float32]
    truth: NDArray[np.float32]
    extra: NDArray[np.float32]
    resolution_A: float


def average(
    structure: Structure,
    view: NDArray[np.floating],
    recipe: Recipe,
    optics: Optics,
    box_px: int,
    rng: np.random.Generator,
    *,
    others: tuple[Structure, ...] = (),
    corrected: bool = True,
    weighed: bool = True,
    streaks: float = 0.0,
) -> Average:
    """Make one class average.

    Parameters
    ----------
    structure, view
        Of what, and from where, ``(3, 3)``.
    recipe
        What the members are.
    optics
        How they were recorded.
    others
        Further species of the set, among which wrong members are.
    corrected
        Whether the program corrects amplitudes for the CTF; else it flips phases at most.
    weighed
        Whether a program that does not gives each frequency its weight by signal and noise; else the average is the
        plain mean, with white noise.
    streaks
        Share of the noise that is drawn out from the centre, most with few members.
    """
    pixel = optics.pixel_size_A
    gain = np.float32(optics.contrast_per_V_A)
    flat = np.zeros((box_px, box_px), dtype=np.float32)
    if recipe.contaminant:
        truth = extra = flat
        signal = _junk(recipe, structure, optics, box_px, rng)
    else:
        truth_spectrum = gain * splat(structure, view[None], box_px, pixel, shifts_A=np.array([recipe.offset_A]))
        truth = irfft2(truth_spectrum, (box_px, box_px)).astype(np.float32)
        signal, beside = _members(structure, view, recipe, others, optics, box_px, rng)
        extra = irfft2(gain * beside, (box_px, box_px)).astype(np.float32)
        signal = gain * signal
    if recipe.particles == 0:
        return Average(flat, truth, extra, np.inf)
    image, resolution = _filtered(
        signal * optics.envelope(box_px), recipe, optics, box_px, corrected, weighed, streaks, rng
    )
    return Average(image, truth, extra, resolution)


def _members(
    structure: Structure,
    view: NDArray[np.floating],
    recipe: Recipe,
    others: tuple[Structure, ...],
    optics: Optics,
    box_px: int,
    rng: np.random.Generator,
) -> tuple[NDArray[np.complexfloating], NDArray[np.complexfloating]]:
    """Mean projection of the members, and of what is beside them."""
    pixel, offset = optics.pixel_size_A, np.array(recipe.offset_A)

    def seen(
        what: Structure, views: NDArray[np.floating], place: NDArray[np.floating], tilt_deg: float, shift_A: float
    ) -> NDArray[np.complexfloating]:
        places = np.broadcast_to(place, (len(views), 2))
        return splat(what, views, box_px, pixel, shifts_A=places, tilt_deg=tilt_deg, shift_A=shift_A)

    angles = (-recipe.hinge_deg, 0.0, recipe.hinge_deg) if recipe.hinge_deg and structure.moving.any() else (0.0,)
    axis, signal = rng.standard_normal(3), np.zeros((box_px, box_px // 2 + 1), dtype=np.complex64)
    each = int(np.clip(_MEMBERS_1_DEG * recipe.in_plane_deg, _MEMBERS, _MOST_MEMBERS)) // len(angles)
    between, within = _BETWEEN * recipe.spread_deg, (1 - _BETWEEN**2) ** 0.5 * recipe.spread_deg
    for angle in angles:
        views = scattered_views(view, each, between, recipe.in_plane_deg, rng)
        signal += seen(bent(structure, angle, axis), views, offset, within, recipe.shift_A) / np.float32(len(angles))
    if recipe.wrong:
        pool = (structure, *others)
        strays = np.zeros_like(signal)
        for what in pool:
            views, places = random_views(_STRAYS, rng, kind=what.kind), offset
            if what.kind == structure.kind == "filament":  # its axis is what a classification aligns first
                views = views_along(view, _STRAYS, _ASKEW_DEG, rng)
                places = offset + _SLID_A * rng.standard_normal((_STRAYS, 1)) * view[1:, 0]
            strays += seen(what, views, places, _STRAY_DEG, 0.06 * structure.diameter_A) / np.float32(len(pool))
        signal = np.float32(1 - recipe.wrong) * signal + np.float32(recipe.wrong) * strays
    beside = np.zeros_like(signal)
    size = structure.diameter_A
    if recipe.neighbour and structure.kind != "filament":
        angle = rng.uniform(0, 2 * np.pi)
        place = offset + size * rng.uniform(0.75, 1.1) * np.array([np.sin(angle), np.cos(angle)])
        scatter_A = rng.uniform(0.02, 0.12) * size
        beside += np.float32(recipe.neighbour) * seen(structure, random_views(10, rng), place, _STRAY_DEG, scatter_A)
    if recipe.crowding and structure.kind != "filament":
        angle = rng.uniform(0, 2 * np.pi, 24)
        reach = size * rng.uniform(0.85, 1.8, 24)
        places = reach[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
        beside += np.float32(recipe.crowding) * seen(structure, random_views(24, rng), places, _STRAY_DEG, 0.12 * size)
    return signal + beside, beside


def _junk(
    recipe: Recipe, structure: Structure, optics: Optics, box_px: int, rng: np.random.Generator
) -> NDArray[np.complexfloating]:
    """Spectrum of the mean of contaminants of one kind, roughly on one another."""
    pixel = optics.pixel_size_A
    if recipe.contaminant == "aggregate":
        # no two clumps are alike: sharp is only what a class of a few shows
        most = int(np.exp(rng.uniform(np.log(_CLUMPS[0]), np.log(_CLUMPS[1]))))
        pictures = [aggregate(structure, box_px, pixel, rng, clumps=min(recipe.particles, most))]
    elif recipe.contaminant == "empty":
        # as strong as the noise that was aligned: features fade as particles are added, yet never quite
        strength = np.sqrt(optics.noise_variance / max(recipe.particles, 1)) * rng.uniform(0.5, 2.5)
        pictures = [CONTAMINANTS["empty"](box_px, pixel, rng) / np.float32(0.02) * np.float32(strength)]
    else:
        pictures = [CONTAMINANTS[recipe.contaminant](box_px, pixel, rng)]
    return rfft2(np.mean(pictures, axis=0).astype(np.float32)).astype(np.complex64)


def _filtered(
    signal: NDArray[np.complexfloating],
    recipe: Recipe,
    optics: Optics,
    box_px: int,
    corrected: bool,
    weighed: bool,
    streaks: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], float]:
    """The average of the members as a program makes it, and the resolution of it."""
    rings = ring_index((box_px, box_px))
    count = np.bincount(rings.ravel())
    transfer = optics.transfers(box_px, rng.uniform(*optics.defocus_A, min(_DEFOCI, recipe.particles)))
    transfer = np.pad(transfer, ((0, 0), (0, max(0, len(count) - transfer.shape[1]))), mode="edge")[:, : len(count)]
    power = np.bincount(rings.ravel(), (np.abs(signal) ** 2).ravel()) / count
    noise = optics.noise_variance * box_px**2 / recipe.particles
    squared = (transfer**2).mean(axis=0)
    ratio = squared * power / noise
    if corrected:
        damp = squared + noise / np.maximum(power, 1e-12 * power.max())
        for_signal, for_noise = squared / damp, np.sqrt(squared) / damp
    else:
        wiener = ratio / (1 + ratio) if weighed else np.ones_like(ratio)
        for_signal, for_noise = np.abs(transfer).mean(axis=0) * wiener, wiener
    pixels = rng.standard_normal((box_px, box_px), dtype=np.float32)
    drawn = streaks / (1.0 + (recipe.particles / 300.0) ** 0.5)
    if drawn > 0.05:
        pixels = np.float32(np.sqrt(1 - drawn**2)) * pixels + np.float32(drawn) * _streaked(box_px, rng)
    white = rfft2(pixels)
    white *= np.float32(recipe.overfit * np.sqrt(noise) / box_px)
    spectrum = signal * for_signal[rings].astype(np.float32) + white * for_noise[rings].astype(np.float32)
    spectrum[0, 0] = 0.0
    image = irfft2(spectrum, (box_px, box_px)).astype(np.float32)
    below = np.flatnonzero((ratio < 1.0) & (np.arange(len(ratio)) > 1) | (np.arange(len(ratio)) >= box_px // 2))
    return image, box_px * optics.pixel_size_A / float(below[0])


def _streaked(box_px: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise of about unit variance that is drawn out along the radius, and the wider the farther out."""
    place = np.arange(box_px) - box_px // 2
    radius = np.hypot(place[:, None], place[None, :])
    angle = np.mod(np.arctan2(place[:, None], place[None, :]), 2 * np.pi)
    table = rng.standard_normal((box_px // 5 + 3, round(0.9 * box_px)))
    rows = np.clip(radius / box_px * table.shape[0] * 1.3, 0, table.shape[0] - 1)
    noise = map_coordinates(table, [rows, angle / (2 * np.pi) * table.shape[1]], order=1, mode="grid-wrap")
    return (1.5 * noise).astype(np.float32)
