"""The slice-quality networks: ``compact``, ours, and ``resnet101``, the paper's.

torch is imported inside: a module of the score room must not cost an import of it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Offsets along z of the slices that ``compact`` sees together, in slices of the tomogram.
CONTEXT = (-4, -2, 0, 2, 4)
#: Edge in pixels of the tiles of the local map.
TILE_PX = 16
#: Octaves of the evidence that neighbouring slices give: details between 2**k and 2**(k + 1) pixels for k = 0 … 3, and
#: what is coarser still.
OCTAVES = 5
#: Distances between the slices compared, in places of the network's input.
LAGS = (0, 1, 2, 4)
#: Numbers of evidence a tile: the power of the middle slice and the mean product at each distance, of every octave.
CHANNELS = OCTAVES * (1 + len(LAGS))
#: Evidence of the volume's emptiest slices and of its fullest stands beside that of each tile.
REFERENCES = 2
#: Edges in tiles of the neighbourhoods that the evidence is averaged over; the largest is the surroundings of all.
SURROUNDINGS = (5, 13)
#: Channels of the network's output: logit of the local quality, logit of there being structure, log of the error.
QUALITY, STRUCTURE, ERROR = 0, 1, 2


def compact(slices: int = len(CONTEXT), width: int = 16) -> "nn.Module":
    """Our network: fully convolutional, any size in, one value a tile of 16 pixels out.

    A stack of convolutions halves the sampling four times. There the evidence of neighbouring slices joins it, and
    behind that the mean over the surroundings: whether a tile shows anything depends on how noisy the slice is.

    Parameters
    ----------
    slices
        Slices of the input.
    width
        Channels after the first convolution; later stages have 2, 4 and 8 times as many.

    Returns
    -------
    torch.nn.Module
        Maps ``(batch, slices, y, x)`` normal scores and their :func:`cryogauge.score.evidence.evidence` followed by
        the references', float32 ``(batch, 75, y / 16, x / 16)``, to ``(batch, 3, y / 16, x / 16)``; y and x are
        multiples of 16.
    """
    import torch
    import torch.nn.functional as F
    from torch import nn

    class Residual(nn.Module):
        """Two 3 × 3 convolutions beside the identity."""

        def __init__(self, channels: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                _convolution(channels, channels), nn.ReLU(inplace=True), _convolution(channels, channels)
            )
            self.activation = nn.ReLU(inplace=True)

        def forward(self, x: "Tensor") -> "Tensor":
            return self.activation(x + self.body(x))

    def _convolution(inside: int, out: int, size: int = 3, stride: int = 1) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(inside, out, size, stride=stride, padding=size // 2, bias=False), nn.BatchNorm2d(out)
        )

    def around(values: "Tensor", tiles: int) -> "Tensor":
        """Mean over a square of tiles, over its rows first; beyond the edge there is nothing."""
        rows = F.avg_pool2d(values, (tiles, 1), 1, (tiles // 2, 0), count_include_pad=False)
        return F.avg_pool2d(rows, (1, tiles), 1, (0, tiles // 2), count_include_pad=False)

    def signs(evidence: "Tensor") -> "Tensor":
        """Logarithms of powers and ratios of products, of each tile, of two neighbourhoods and of the references."""
        here, *references = evidence.split(CHANNELS, 1)
        found = []
        for mean in (here, *(around(here, tiles) for tiles in SURROUNDINGS), *references):
            own, alike, *products = mean.unflatten(1, (-1, OCTAVES)).unbind(1)
            floor = alike.clamp_min(1e-4)
            found += [own.clamp_min(1e-4).log() / 3, floor.log() / 3, *((p / floor).clamp(-1.5, 1.5) for p in products)]
        return torch.cat(found, 1)

    a, b, c, d = width, 2 * width, 4 * width, 8 * width

    class Compact(nn.Module):
        """Convolutions on the image, the evidence, then both in their surroundings."""

        def __init__(self) -> None:
            super().__init__()
            self.image = nn.Sequential(
                _convolution(slices, a, 5, 2), nn.ReLU(inplace=True),
                _convolution(a, b, 3, 2), nn.ReLU(inplace=True), Residual(b),
                _convolution(b, c, 3, 2), nn.ReLU(inplace=True), Residual(c), Residual(c),
                _convolution(c, d, 3, 2), nn.ReLU(inplace=True),
            )  # fmt: skip
            self.evidence = nn.Sequential(
                _convolution(CHANNELS * (1 + len(SURROUNDINGS) + REFERENCES), d, 1),
                nn.ReLU(inplace=True),
                nn.Conv2d(d, d, 1),
            )
            self.both = nn.Sequential(Residual(d), Residual(d))
            self.surroundings = nn.Sequential(_convolution(2 * d, d, 1), nn.ReLU(inplace=True), Residual(d))
            self.head = nn.Sequential(nn.Conv2d(d, d, 1), nn.ReLU(inplace=True), nn.Conv2d(d, 3, 1))

        def forward(self, image: "Tensor", evidence: "Tensor") -> "Tensor":
            return self.decide(self.image(image), evidence)

        def decide(self, seen: "Tensor", evidence: "Tensor") -> "Tensor":
            """The output from what the convolutions on the image saw, ``(batch, 8 * width, y / 16, x / 16)``."""
            with torch.autocast(seen.device.type, enabled=False):
                known = signs(evidence)
            both = self.both(seen + self.evidence(known.to(seen.dtype)))
            return self.head(self.surroundings(torch.cat([both, around(both, SURROUNDINGS[-1])], 1)))

    return Compact()


def resnet101() -> "nn.Module":
    """The paper's network: a two-dimensional ResNet101 with one output and a sigmoid (Tan et al. 2025, Methods).

    MONAI's builder, with the ImageNet stem (stride 2, which is not its default) and one input channel.
    """
    import torch
    from monai.networks.nets.resnet import resnet101 as build
    from torch import nn

    class Sigmoid(nn.Module):
        """One score a slice."""

        def __init__(self) -> None:
            super().__init__()
            self.body = build(
                spatial_dims=2,
                n_input_channels=1,
                num_classes=1,
                conv1_t_stride=2,
                feed_forward=True,
                shortcut_type="B",
            )

        def forward(self, x: "Tensor") -> "Tensor":
            return torch.sigmoid(self.body(x))

    return Sigmoid()


def folded(network: "nn.Module") -> "nn.Module":
    """A copy for inference in which each batch normalisation is merged into the convolution before it."""
    import copy

    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    network = copy.deepcopy(network).eval()

    def fold(module: Any) -> None:
        for name, child in module.named_children():
            parts = list(child) if isinstance(child, nn.Sequential) else []
            match parts:
                case [nn.Conv2d() as convolution, nn.BatchNorm2d() as normalisation]:
                    setattr(module, name, fuse_conv_bn_eval(convolution, normalisation))
                case _:
                    fold(child)

    fold(network)
    return network
