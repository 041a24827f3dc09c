"""Recipes: ranges from which many specimens and imaging conditions are drawn."""

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np

from cryogauge.imaging.reconstruction import Filter
from cryogauge.records import BadInput
from cryogauge.simulate.acquire import SCHEDULES, Imaging
from cryogauge.simulate.looks import LOOKS
from cryogauge.simulate.specimens import KINDS, SlabShape

#: A range ``(low, high)``; drawn evenly, or evenly in the logarithm where the field's comment says so.
Range = tuple[float, float]


@dataclass(frozen=True)
class Recipe:
    """What a simulated data set is drawn from.

    Attributes
    ----------
    count, seed
        How many tomograms, and the seed; tomogram ``i`` depends on ``(seed, i)`` alone.
    shape
        ``(z, y, x)`` voxels.
    kinds
        Weights of the kinds of specimens.
    voxel_size_A, dose_e_A2, defocus_A
        Ranges, drawn evenly in the logarithm.
    thickness_nm
        Range; clipped to what the volume can hold.
    tilt_range_deg, tilt_step_deg
        Ranges of the schedule.
    slab_tilt_deg
        Largest tilt of the slab.
    misaligned, misalignment_px
        Part of the tomograms with residual shifts, and the range of their standard deviation.
    contrast_factor
        Range of the recorded over the computed contrast.
    denoised, denoised_dose_e_A2
        Part of the tomograms made as a good denoiser leaves them: as if the dose were far higher.
    looks
        Chance of each look.
    filters
        Weights of the reconstruction filters.
    """

    count: int = 10
    seed: int = 1
    shape: tuple[int, int, int] = (96, 192, 192)
    kinds: dict[str, float] = field(default_factory=lambda: {"lamella": 1.0})
    voxel_size_A: Range = (6.0, 42.0)
    thickness_nm: Range = (50.0, 400.0)
    dose_e_A2: Range = (20.0, 300.0)
    defocus_A: Range = (15_000.0, 100_000.0)
    tilt_range_deg: Range = (40.0, 66.0)
    tilt_step_deg: Range = (1.5, 4.0)
    slab_tilt_deg: float = 15.0
    misaligned: float = 0.4
    misalignment_px: Range = (0.3, 3.0)
    contrast_factor: Range = (0.4, 0.6)
    denoised: float = 0.2
    denoised_dose_e_A2: Range = (300.0, 3000.0)
    looks: dict[str, float] = field(default_factory=dict)
    filters: dict[str, float] = field(default_factory=lambda: {"ramp": 1.0})

    def __post_init__(self) -> None:
        for what, given, known in (
            ("specimen", self.kinds, KINDS),
            ("look", self.looks, LOOKS),
            ("filter", self.filters, get_args(Filter)),
        ):
            if not isinstance(given, dict) or any(not (isinstance(w, int | float) and w >= 0) for w in given.values()):
                raise BadInput(f"the recipe's {what}s are not names with weights", "such as {ramp: 2, exact: 1}")
            unknown = [name for name in given if name not in known]
            if unknown:
                raise BadInput(f"the recipe names an unknown {what}: {unknown[0]}", f"one of: {', '.join(known)}")
        if not sum(self.kinds.values()) > 0 or not sum(self.filters.values()) > 0:
            raise BadInput("the recipe gives no kind of specimen or no filter a weight above 0")
        if self.count < 1 or min(self.shape) < 16:
            raise BadInput("a recipe needs a count of at least 1 and a shape of at least 16 voxels a side")


def read_recipe(path: str | Path) -> Recipe:
    """Read a recipe from YAML; raises ``BadInput`` for an unknown key or a value of the wrong kind."""
    import yaml

    try:
        given = yaml.safe_load(Path(path).read_text())
    except OSError as error:
        raise BadInput(f"the recipe {path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is no YAML: {error}", "see src/cryogauge/recipes for examples") from error
    return recipe_from(given, str(path))


def recipe_from(given: Any, where: str = "the recipe") -> Recipe:
    """A recipe from a mapping of plain values, as YAML gives it."""
    if not isinstance(given, dict):
        raise BadInput(f"{where} is not a mapping of settings", "see src/cryogauge/recipes for examples")
    known = {f.name for f in fields(Recipe)}
    for name in given:
        if name not in known:
            raise BadInput(f"{where} has an unknown key: {name}", f"known: {', '.join(sorted(known))}")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    try:
        recipe = replace(Recipe(), **values)
    except TypeError as error:
        raise BadInput(f"{where} has a value of the wrong kind: {error}") from error
    for name in ("voxel_size_A", "thickness_nm", "dose_e_A2", "defocus_A", "tilt_range_deg", "tilt_step_deg"):
        value = getattr(recipe, name)
        if not (isinstance(value, tuple) and len(value) == 2 and 0 < value[0] <= value[1]):
            raise BadInput(f"{where}: {name} must be a range [low, high] with 0 < low ≤ high, not {value}")
    return recipe


@dataclass(frozen=True)
class Draw:
    """Everything that is decided for one tomogram before it is made."""

    kind: str
    shape: tuple[int, int, int]
    voxel_size_A: float
    thickness_nm: float
    slab: SlabShape
    imaging: Imaging
    filter: Filter
    looks: tuple[str, ...]
    specimen_seed: int
    imaging_seed: int


def draw(recipe: Recipe, index: int) -> Draw:
    """What tomogram ``index`` of a recipe is to be; the same recipe and index give the same answer."""
    rng = np.random.default_rng([recipe.seed, index])

    def log_even(bounds: Range) -> float:
        return float(np.exp(rng.uniform(*np.log(bounds))))

    def weighted(weights: dict[str, float]) -> str:
        names = list(weights)
        p = np.array([weights[n] for n in names], dtype=float)
        return str(rng.choice(names, p=p / p.sum()))

    kind = weighted(recipe.kinds)
    voxel = log_even(recipe.voxel_size_A)
    nz = recipe.shape[0]
    room_nm = nz * voxel / 10.0
    low, high = (min(max(t, 6.0 * voxel / 10.0), 0.97 * room_nm) for t in recipe.thickness_nm)
    # most slabs leave empty ice above and below; one in six fills the volume
    high = high if rng.random() < 0.17 else max(low, min(high, 0.72 * room_nm))
    thickness = float(rng.uniform(low, high))
    spare_px = nz - thickness * 10.0 / voxel
    steepest = np.rad2deg(np.arctan(spare_px / max(recipe.shape[1:])))
    slab = SlabShape(
        slab_tilt_deg=float(rng.uniform(0, min(recipe.slab_tilt_deg, steepest))) if rng.random() < 0.5 else 0.0,
        wedge=float(rng.uniform(0.0, 0.4)) if rng.random() < 0.25 else 0.0,
        curvature=float(rng.uniform(-0.2, 0.2)) if rng.random() < 0.25 else 0.0,
        roughness_A=float(rng.uniform(0.0, 60.0)),
        curtain_A=float(rng.uniform(20.0, 150.0)) if kind == "lamella" and rng.random() < 0.3 else 0.0,
        offset=float(rng.uniform(-0.3, 0.3)),
    )
    denoised = rng.random() < recipe.denoised
    misaligned = rng.random() < recipe.misaligned
    imaging = Imaging(
        dose_e_A2=log_even(recipe.denoised_dose_e_A2 if denoised else recipe.dose_e_A2),
        tilt_range_deg=float(rng.uniform(*recipe.tilt_range_deg)),
        tilt_step_deg=float(rng.uniform(*recipe.tilt_step_deg)),
        schedule=str(rng.choice(SCHEDULES)),
        missing_tilts=int(rng.integers(0, 6)) if rng.random() < 0.3 else 0,
        defocus_A=log_even(recipe.defocus_A),
        defocus_sd_A=float(rng.uniform(0, 2000.0)),
        energy_filter=bool(rng.random() < 0.8),
        detector_binning=float(np.clip(voxel / rng.uniform(2.0, 5.0), 1.0, 8.0)),
        shift_sd_A=voxel * float(rng.uniform(*recipe.misalignment_px)) if misaligned else 0.1 * voxel,
        axis_error_deg=float(rng.uniform(0, 0.4)) if misaligned else 0.0,
        drift_A=float(rng.uniform(0, 0.7)) * voxel,
        contrast_factor=float(rng.uniform(*recipe.contrast_factor)),
        damage=not denoised,
    )
    looks = tuple(name for name, chance in recipe.looks.items() if rng.random() < chance)
    return Draw(
        kind, recipe.shape, voxel, thickness, slab, imaging, cast(Filter, weighted(recipe.filters)), looks,
        int(rng.integers(2**31)), int(rng.integers(2**31)),
    )  # fmt: skip
