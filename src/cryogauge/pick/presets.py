"""What a picker is made by: network, target, loss, patches, rates, and how its picks are found."""

from dataclasses import dataclass, field, replace
from typing import Literal

from cryogauge.pick.losses import Loss
from cryogauge.pick.networks import NetworkPlan
from cryogauge.pick.patches import Augmentation, Sampling
from cryogauge.pick.peaks import Method, Picking
from cryogauge.pick.robust.plan import Robust
from cryogauge.records import BadInput

Target = Literal["spheres", "shapes", "peaks"]


@dataclass(frozen=True)
class Preset:
    """Everything about a picker but its data and how long it learns.

    Attributes
    ----------
    network, sampling, augmentation, loss, picking
        See their own modules.
    target, size
        What is painted, and how large: radius of the spheres or width of the peaks as a part of the particle's radius.
    learning_rate, averaging, weight_decay, falling, momentum
        As of :class:`cryogauge.learn.training.Schedule`.
    robust
        The upper level, which learns from a clean set how to correct and weight labels; None for none.
    tile_px, overlap_px
        Longest edge of the tiles of the inference, and what neighbours share.
    """

    network: NetworkPlan
    sampling: Sampling
    loss: Loss
    target: Target = "spheres"
    size: float = 1.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    picking: Picking = field(default_factory=Picking)
    learning_rate: float = 1e-3
    averaging: float = 0.0
    weight_decay: float = 0.0
    falling: bool = False
    tile_px: int = 176
    overlap_px: int = 24
    momentum: float | None = None
    robust: Robust | None = None

    def __post_init__(self) -> None:
        if (self.target == "peaks") != (self.loss == "peaks"):
            raise BadInput(f"the loss {self.loss} does not go with targets as {self.target}")
        if (self.target == "peaks") != (self.picking.method == "peaks"):
            raise BadInput(
                f"in {self.target} picks are not found by {self.picking.method}",
                "peaks are found by peaks; spheres and shapes by components, watershed or dbscan",
            )
        if self.robust is not None and self.loss not in ("peaks", "dice", "cross-entropy"):
            raise BadInput(
                f"corrected labels are not learned by {self.loss}", "learn them by peaks, dice or cross-entropy"
            )
        for edge in (*self.sampling.patch_px, self.tile_px):
            if edge % self.network.multiple:
                raise BadInput(f"{self.network.name} needs edges that are multiples of {self.network.multiple}")


#: The recipes of DeepFinder and DeepFindET as published, and ours. What the papers leave open or what differs: spheres
#: of 0.8 of the radius, as in the challenge's U-Net notebook, so that neighbours do not run together; no fall of
#: DeepFindET's rate on a plateau, which short trainings do not reach; DeepFinder's mean shift is replaced by a
#: watershed, which parts clusters along the same valleys in a fraction of the time.
PRESETS = {
    # Moebel et al. 2021: U-Net, Dice loss, patches of 56 about a particle shifted by up to 13, Adam at 1e-4
    "deepfinder": Preset(
        network=NetworkPlan("deepfinder"),
        sampling=Sampling((56, 56, 56), batch=25, around=1.0, jitter_px=13, own_scale=True),
        loss="dice",
        size=0.8,
        augmentation=Augmentation(turns="y", scale=0.0, offset=0.0),
        picking=Picking("watershed", smallest=0.0),
        learning_rate=1e-4,
    ),
    # CZII challenge paper and its code: residual U-Net, Tversky loss, patches of 52, geometric and grey augmentation
    "deepfindet": Preset(
        network=NetworkPlan("deepfindet"),
        sampling=Sampling((52, 52, 52), batch=15, around=1.0, jitter_px=15, own_scale=True),
        loss="tversky",
        size=0.8,
        augmentation=Augmentation(turns="y", scale=0.2, offset=0.2, blur_px=(0.5, 1.5)),
        picking=Picking("components"),
        learning_rate=1e-4,
    ),
    "fast": Preset(
        network=NetworkPlan("fast", stride=2, multiple=8),
        sampling=Sampling((64, 64, 64), batch=4),
        loss="peaks",
        target="peaks",
        size=0.3,
        learning_rate=3e-3,
        averaging=0.995,
        weight_decay=0.01,
        falling=True,
    ),
}


#: RobPicker as published: patches of 64, batches of 25, Dice of all channels, stochastic gradient descent, DBSCAN. The
#: paper says neither by what the upper level learns nor at what rate: by Adam at the authors' code's 2e-4.
PRESETS["robpicker-paper"] = Preset(
    network=NetworkPlan("deepfinder"),
    sampling=Sampling((64, 64, 64), batch=25, around=1.0, jitter_px=13, own_scale=True),
    loss="dice",
    size=0.8,
    augmentation=Augmentation(turns="y", scale=0.0, offset=0.0),
    picking=Picking("dbscan", smallest=0.0),
    learning_rate=1e-4,
    weight_decay=5e-4,
    momentum=0.9,
    overlap_px=20,
    robust=Robust(),
)
#: Ours: `fast` whose labels are mixed with what it says itself, by a mixing that the clean set teaches.
#: Mixing and rate were chosen on tomograms of other seeds than those of the recorded comparison.
PRESETS["robpicker"] = replace(PRESETS["fast"], robust=Robust("prediction", "example", rate=1e-2, mixing=0.5, every=2))
#: After RobPicker's public code: voxels weighted, labels corrected from their neighbours, by cross-entropy on small
#: targets at half the sampling; the upper level every fifth step, mixing σ(−2) at the start. Network, patches and rates
#: are those of `fast`: its own, 32 crops of 96 voxels a step, are no work for a processor.
PRESETS["robpicker-voxelwise"] = replace(
    PRESETS["fast"],
    loss="cross-entropy",
    target="spheres",
    size=0.4,
    picking=Picking("components", smallest=0.0),
    robust=Robust("prediction", "voxel", rate=2e-4, every=5, mixing=0.12),
)

#: What networks of MONAI that do not build by their name alone are built with.
MONAI_ARCHITECTURES = {
    "UNet": {"channels": (48, 64, 80, 80), "strides": (2, 2, 1), "num_res_units": 1},  # the challenge's U-Net notebook
    "FlexibleUNet": {"backbone": "resnet34"},
    "DynUNet": {"kernel_size": (3, 3, 3), "strides": (1, 2, 2), "upsample_kernel_size": (2, 2)},
}


def find_preset(name: str) -> Preset:
    """The preset of that name; ``monai:NAME`` learns spheres by the Tversky loss at our own rates.

    Raises
    ------
    BadInput
        For an unknown name.
    """
    if name in PRESETS:
        return PRESETS[name]
    if name.startswith("monai:"):
        return Preset(
            network=NetworkPlan(name, multiple=32, architecture=MONAI_ARCHITECTURES.get(name.partition(":")[2], {})),
            # at a 32nd of it three voxels are left: gradients in half precision are garbage for 3³ on two (torch 2.13)
            sampling=Sampling((96, 96, 96), batch=2),
            loss="tversky",
            learning_rate=1e-3,
            averaging=0.995,
            falling=True,
            size=0.8,
            picking=Picking("components"),
            tile_px=160,
        )
    raise BadInput(f"no preset is called {name!r}", f"one of: {', '.join(PRESETS)}, monai:NAME")


def varied(
    preset: Preset,
    *,
    loss: Loss | None = None,
    find: Method | None = None,
    size: float | None = None,
    mirrors: bool = False,
    noise: float = 0.0,
) -> Preset:
    """A preset with some of it changed; what is None, or 0, stays.

    Parameters
    ----------
    loss
        What it learns by.
    find
        How its picks are found.
    size
        Radius of the spheres or width of the peaks, as a part of the particle's radius.
    mirrors, noise
        As of :class:`cryogauge.pick.patches.Augmentation`.

    Raises
    ------
    BadInput
        When loss and picking do not go with what the preset paints, or the size is not between 0 and 1.5.
    """
    if size is not None and not 0 < size <= 1.5:
        raise BadInput(f"a target of {size:g} radii cannot be learned", "give a part of the radius, such as 0.8")
    augmentation = replace(
        preset.augmentation, mirrors=mirrors or preset.augmentation.mirrors, noise=noise or preset.augmentation.noise
    )
    return replace(
        preset,
        loss=loss or preset.loss,
        picking=replace(preset.picking, method=find or preset.picking.method),
        size=size or preset.size,
        augmentation=augmentation,
    )
