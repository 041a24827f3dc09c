"""Networks that find particles in tomograms.

``deepfinder`` and ``deepfindet`` are those of the papers, ``fast`` is ours, and ``monai:NAME`` any network of MONAI
that maps a volume to one of the same size.

torch is imported inside: a module of a room must not cost an import of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

from cryogauge.records import BadInput

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Logit of a peak before anything is learned: one voxel in a hundred (Lin et al., Focal loss, ICCV 2017).
_RARE = -4.6


@dataclass(frozen=True)
class NetworkPlan:
    """Which network, and how its output lies on its input.

    Attributes
    ----------
    name
        ``deepfinder``, ``deepfindet``, ``fast`` or ``monai:NAME``.
    stride
        Voxels of the tomogram in one of the output along each axis.
    multiple
        Edges of the input must be multiples of this.
    architecture
        What the network is built with beside the number of classes.
    """

    name: str
    stride: int = 1
    multiple: int = 4
    architecture: dict[str, Any] = field(default_factory=dict)


def build(plan: NetworkPlan, outputs: int) -> "nn.Module":
    """The network of a plan: ``(batch, 1, z, y, x)`` to logits ``(batch, outputs, z / stride, …)``.

    Raises
    ------
    BadInput
        For an unknown name, or arguments that the network does not take.
    """
    kinds: dict[str, Callable[..., nn.Module]] = {
        "deepfinder": deepfinder, "deepfindet": residual_unet, "fast": fast,
    }  # fmt: skip
    maker = kinds.get(plan.name)
    try:
        if maker is not None:
            return maker(outputs, **plan.architecture)
        if plan.name.startswith("monai:"):
            return _of_monai(plan.name.removeprefix("monai:"), outputs, plan.architecture)
    except TypeError as error:
        raise BadInput(f"{plan.name} cannot be built: {error}", "check the architecture's arguments") from error
    raise BadInput(f"no network is called {plan.name!r}", f"one of: {', '.join(kinds)}, monai:NAME")


def deepfinder(outputs: int, filters: tuple[int, int, int] = (32, 48, 64)) -> "nn.Module":
    """DeepFinder's U-Net (Moebel et al., Nat. Methods 18, 1386, 2021, Fig. 1): three levels, no normalisation.

    Two convolutions of 3³ a level on the way down, four at the bottom, and on the way up nearest-neighbour upsampling,
    a convolution of 2³ and two of 3³ behind the joined level.
    """
    import torch
    from torch import nn

    def convolutions(*channels: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        for inside, out in pairwise(channels):
            layers += [nn.Conv3d(inside, out, 3, padding=1), nn.ReLU(inplace=True)]
        return nn.Sequential(*layers)

    def upward(inside: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Upsample(scale_factor=2), nn.ConstantPad3d((0, 1, 0, 1, 0, 1), 0.0), nn.Conv3d(inside, inside, 2),
            nn.ReLU(inplace=True),
        )  # fmt: skip

    high, middle, low = filters

    class DeepFinder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.high = convolutions(1, high, high)
            self.middle = convolutions(high, middle, middle)
            self.low = convolutions(middle, low, low, low, low)
            self.up_middle, self.up_high = upward(low), upward(middle)
            self.middle_again = convolutions(low + middle, middle, middle)
            self.high_again = convolutions(middle + high, high, high)
            self.head = nn.Conv3d(high, outputs, 1)

        def forward(self, image: "Tensor") -> "Tensor":
            one = self.high(image)
            two = self.middle(nn.functional.max_pool3d(one, 2))
            three = self.low(nn.functional.max_pool3d(two, 2))
            two = self.middle_again(torch.cat([self.up_middle(three), two], 1))
            return self.head(self.high_again(torch.cat([self.up_high(two), one], 1)))

    return DeepFinder()


def residual_unet(outputs: int, filters: tuple[int, ...] = (48, 64, 80), bottom: int = 4) -> "nn.Module":
    """DeepFindET's residual U-Net: three levels, one residual block a level down, four at the bottom, two a level up.

    Batch normalisation and leaky rectifiers; nearest-neighbour upsampling (CZII challenge paper, "DeepFindET").
    """
    import torch
    from torch import nn

    class Block(nn.Module):
        """Two convolutions beside the identity, or beside a convolution of 1³ where the channels change."""

        def __init__(self, inside: int, out: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv3d(inside, out, 3, padding=1, bias=False), nn.BatchNorm3d(out), nn.LeakyReLU(0.3, inplace=True),
                nn.Conv3d(out, out, 3, padding=1, bias=False), nn.BatchNorm3d(out),
            )  # fmt: skip
            self.beside = nn.Identity() if inside == out else nn.Conv3d(inside, out, 1)
            self.activation = nn.LeakyReLU(0.3, inplace=True)

        def forward(self, x: "Tensor") -> "Tensor":
            return self.activation(self.beside(x) + self.body(x))

    *upper, lowest = filters

    class ResidualUNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down = nn.ModuleList(Block(i, o) for i, o in zip((1, *upper), upper, strict=False))
            self.bottom = nn.Sequential(Block(upper[-1], lowest), *(Block(lowest, lowest) for _ in range(bottom - 1)))
            self.up = nn.ModuleList(
                nn.Sequential(Block(below + here, here), Block(here, here))
                for below, here in zip((lowest, *upper[:0:-1]), upper[::-1], strict=True)
            )
            self.head = nn.Conv3d(upper[0], outputs, 1)

        def forward(self, image: "Tensor") -> "Tensor":
            kept, x = [], image
            for block in self.down:
                kept.append(block(x))
                x = nn.functional.max_pool3d(kept[-1], 2)
            x = self.bottom(x)
            for block, beside in zip(self.up, reversed(kept), strict=True):
                x = block(torch.cat([nn.functional.interpolate(x, scale_factor=2.0), beside], 1))
            return self.head(x)

    return ResidualUNet()


def fast(outputs: int, width: int = 24, blocks: tuple[int, int, int] = (1, 2, 2)) -> "nn.Module":
    """Ours: a residual U-Net that begins and ends at half the sampling, where a particle of 10 nm is still five voxels.

    Half the sampling is an eighth of the work: in the same time it sees several times as many particles, and each in a
    surrounding of the size of two ribosomes.
    """
    from torch import nn

    def convolution(inside: int, out: int, size: int = 3, stride: int = 1) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv3d(inside, out, size, stride=stride, padding=size // 2, bias=False), nn.BatchNorm3d(out)
        )

    class Block(nn.Module):
        """Two convolutions beside the identity."""

        def __init__(self, channels: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                convolution(channels, channels), nn.ReLU(inplace=True), convolution(channels, channels)
            )
            self.activation = nn.ReLU(inplace=True)

        def forward(self, x: "Tensor") -> "Tensor":
            return self.activation(x + self.body(x))

    def level(inside: int, out: int, count: int, size: int = 3) -> nn.Sequential:
        return nn.Sequential(
            convolution(inside, out, size, 2), nn.ReLU(inplace=True), *(Block(out) for _ in range(count))
        )

    channels = (width, 2 * width, 4 * width)

    class Fast(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            inside = (1, *channels)
            self.down = nn.ModuleList(level(inside[i], channels[i], blocks[i], 5 if i == 0 else 3) for i in range(3))
            self.join = nn.ModuleList(convolution(channels[i + 1], channels[i], 1) for i in range(2))
            self.up = nn.ModuleList(Block(channels[i]) for i in range(2))
            self.head = nn.Conv3d(width, outputs, 1)
            # nearly nothing is a peak: begun at even odds, the first hundreds of steps would only learn that
            nn.init.constant_(cast("Tensor", self.head.bias), _RARE)

        def forward(self, image: "Tensor") -> "Tensor":
            one = self.down[0](image)
            two = self.down[1](one)
            three = self.down[2](two)
            # joined before the upsampling, where it costs an eighth
            two = self.up[1](two + nn.functional.interpolate(self.join[1](three), scale_factor=2.0))
            one = self.up[0](one + nn.functional.interpolate(self.join[0](two), scale_factor=2.0))
            return self.head(one)

    return Fast()


def _of_monai(name: str, outputs: int, architecture: dict[str, Any]) -> "nn.Module":
    import monai.networks.nets as nets

    maker = getattr(nets, name, None)
    if maker is None:
        raise BadInput(f"MONAI has no network {name!r}", "such as SegResNet, UNet, BasicUNet, FlexibleUNet or DynUNet")
    return maker(spatial_dims=3, in_channels=1, out_channels=outputs, **architecture)
