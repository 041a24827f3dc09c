"""The unattended selection with the real RELION and the shipped grader, on simulated particles with false picks.

Half of the images hold no particle. ``relion_iterate_purity`` and ``relion_iterate_recall`` are those of the batch of
cut-off 3.5: particles that are true, and true particles that are kept, the mean over three structures. The same batch
of one classification without rounds stands beside them. First models of the first structure's two batches, begun from
one seed, are compared with the density that was projected: the frequency to which their Fourier shell correlation stays
above 0.5, in the better of both hands.
Rounds are as many as for any small box; RELION's iterations are fewer than by default, so that a core does it in about
twenty minutes.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter

from cryogauge.classes.grade import grade_classes
from cryogauge.classes.iterate.particle_star import read_particle_star
from cryogauge.classes.iterate.plan import IteratePlan, RelionJobs, make_plan
from cryogauge.classes.iterate.relion import RelionEngine
from cryogauge.classes.iterate.relion_commands import find_relion
from cryogauge.classes.iterate.results import Selection
from cryogauge.classes.iterate.workflow import Grade, iterate
from cryogauge.io import open_volume
from cryogauge.pick.average.rotations import even_rotations, neighbours
from cryogauge.pick.average.shells import shell_correlation
from cryogauge.simulate.classes import ParticleSettings, SimulatedParticles, make_particles, write_particles

FIGURES = (
    "relion_iterate_purity",
    "relion_iterate_recall",
    "relion_one_round_purity",
    "relion_one_round_recall",
    "relion_iterate_model_A",
    "relion_one_round_model_A",
)
_CUTOFF, _SEEDS = 3.5, (20, 21, 22)
_SETTINGS = ParticleSettings(count=1200, box_px=64, false_picks=0.5, snr=0.1)
_JOBS = RelionJobs(
    iterations=8, psi_step_deg=24, offset_range_px=4, model_iterations=(20, 20, 10), model_batch=(40, 80)
)
_CLASSES = 14
#: Search for the rotation of a model: first step, and halvings of it.
_STEP_DEG, _HALVINGS, _COARSE = 18.0, 4, 2


def run(small: bool = False) -> dict[str, float]:
    """Select and compare; one structure of 300 particles in fewer iterations and without models when ``small``."""
    return measure(grade_classes, small=small)


def measure(grade: Grade, *, small: bool = False, folder: Path | None = None) -> dict[str, float]:
    """The figures with any grader; files go into ``folder``, from which a run goes on, or nowhere."""
    if folder is None:
        with tempfile.TemporaryDirectory() as temporary:
            return measure(grade, small=small, folder=Path(temporary))
    each = []
    for seed in _SEEDS[: 1 if small else None]:
        each.append(_measured(grade, seed, folder / str(seed), small=small, models=seed == _SEEDS[0] and not small))
        print(
            f"   structure {seed}: " + ", ".join(f"{name} {value:.3f}" for name, value in each[-1].items()), flush=True
        )
    shares = [name for name in FIGURES if not name.endswith("_A")]
    return each[0] | {name: float(np.mean([one[name] for one in each])) for name in shares}


def _measured(grade: Grade, seed: int, folder: Path, *, small: bool, models: bool) -> dict[str, float]:
    settings = replace(_SETTINGS, count=300, snr=0.3) if small else _SETTINGS
    particles = make_particles(settings, seed=seed)
    star = write_particles(folder / "given", particles)["star"]
    true = (particles.truth["contaminant"] == "").to_numpy()
    figures: dict[str, float] = {}
    for name, rounds in (("relion_iterate", None), ("relion_one_round", 0)):
        plan = _plan(particles, settings, seed, rounds, small)
        found = _select(star, plan, grade, folder / name, models=models)
        kept = np.zeros(len(true), dtype=bool)
        kept[found.batches[0].ids.astype(int)] = True
        figures[f"{name}_purity"] = float(true[kept].mean()) if kept.any() else float("nan")
        figures[f"{name}_recall"] = float(kept[true].mean())
        model = found.batches[0].model
        figures[f"{name}_model_A"] = _resolution_A(model, particles) if model else float("nan")
    return figures


def _plan(
    particles: SimulatedParticles, settings: ParticleSettings, seed: int, rounds: int | None, small: bool
) -> IteratePlan:
    jobs = replace(_JOBS, iterations=4) if small else _JOBS
    diameter = particles.structures[0].diameter_A
    return make_plan(
        settings.count, settings.box_px, diameter, rounds=rounds, classes=6 if small else _CLASSES, seed=seed,
        cutoffs=(_CUTOFF,), relion=jobs,
    )  # fmt: skip


def _select(star: Path, plan: IteratePlan, grade: Grade, out: Path, *, models: bool) -> Selection:
    engine = RelionEngine(read_particle_star(star), find_relion(), makes_models=models)
    return iterate(engine, plan, grade, out, say=lambda text: print(f"   {text[:100]}", flush=True))


def _resolution_A(model: Path, particles: SimulatedParticles) -> float:
    """To which detail a model agrees with what was projected, turned and shifted onto it, in the better hand."""
    volume = np.asarray(open_volume(model).data, dtype=np.float64)
    pixel = particles.optics.pixel_size_A
    truth = _density(particles, len(volume), pixel)
    shells = max((_best_shells(volume, hand) for hand in (truth, truth[::-1])), key=_last_above)
    last = _last_above(shells)
    return len(volume) * pixel / last if last else float("inf")


def _last_above(shells: NDArray[np.floating]) -> int:
    below = np.flatnonzero(shells[1:] < 0.5)
    return int(below[0]) if len(below) else len(shells) - 1


def _density(particles: SimulatedParticles, edge_px: int, pixel_A: float) -> NDArray[np.float64]:
    structure = particles.structures[0]
    edges = [(np.arange(edge_px + 1) - edge_px // 2 - 0.5) * pixel_A] * 3
    volume, _ = np.histogramdd(structure.points_A, bins=edges)
    return gaussian_filter(volume, max(structure.sigma_A / pixel_A, 0.5))


def _best_shells(volume: NDArray[np.floating], truth: NDArray[np.floating]) -> NDArray[np.floating]:
    """Shell correlations at the rotation and shift that agree best, found coarsely and then at full size."""
    coarse = [_shrunk(each) for each in (volume, truth)]
    turns = even_rotations(_STEP_DEG)
    scores = [_overlap(coarse[0], _turned(coarse[1], turn))[0] for turn in turns]
    best = turns[int(np.argmax(scores))]
    for halving in range(_HALVINGS):
        nearby = neighbours(_STEP_DEG / 2 ** (halving + 1)) @ best
        scores = [_overlap(coarse[0], _turned(coarse[1], turn))[0] for turn in nearby]
        best = nearby[int(np.argmax(scores))]
    turned = _turned(truth, best)
    _, shift = _overlap(volume, turned)
    return shell_correlation(volume, np.roll(turned, shift, axis=(0, 1, 2)))


def _shrunk(volume: NDArray[np.floating]) -> NDArray[np.float64]:
    return gaussian_filter(volume, _COARSE / 2)[::_COARSE, ::_COARSE, ::_COARSE]


def _turned(volume: NDArray[np.floating], turn: NDArray[np.floating]) -> NDArray[np.float64]:
    middle = np.full(3, len(volume) // 2, dtype=float)
    return affine_transform(volume, turn, offset=list(middle - turn @ middle), order=1)  # type: ignore[arg-type]


def _overlap(a: NDArray[np.floating], b: NDArray[np.floating]) -> tuple[float, tuple[int, ...]]:
    """The highest correlation over all shifts, and the shift of ``b`` that gives it."""
    product = np.fft.irfftn(np.fft.rfftn(a - a.mean()) * np.conj(np.fft.rfftn(b - b.mean())), a.shape, axes=(0, 1, 2))
    place = np.unravel_index(int(np.argmax(product)), product.shape)
    return float(product[place]) / float(a.std() * b.std() * a.size + 1e-12), tuple(int(each) for each in place)
