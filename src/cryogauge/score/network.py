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
#: Channels of the network's output: logit of the local quality, logit of there being structure, log of the error.
QUALITY, STRUCTURE, ERROR = 0, 1, 2


def compact(slices: int = len(CONTEXT), width: int = 24) -> "nn.Module":
    """Our network: fully convolutional, any size in, one value a tile of 16 pixels out.

    Parameters
    ----------
    slices
        Input channels: 5 for tomograms, 1 for single pictures.
    width
        Channels after the first convolution; later stages have 2, 3 and 4 times as many.

    Returns
    -------
    torch.nn.Module
        Maps ``(batch, slices, y, x)`` normal scores to ``(batch, 3, y / 16, x / 16)``; y and x are multiples of 16.
    """
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

    a, b, c, d = width, 2 * width, 3 * width, 4 * width
    return nn.Sequential(
        _convolution(slices, a, 5, 2), nn.ReLU(inplace=True),
        _convolution(a, b, 3, 2), nn.ReLU(inplace=True), Residual(b),
        _convolution(b, c, 3, 2), nn.ReLU(inplace=True), Residual(c), Residual(c),
        _convolution(c, d, 3, 2), nn.ReLU(inplace=True), Residual(d), Residual(d),
        nn.Conv2d(d, d, 1), nn.ReLU(inplace=True), nn.Conv2d(d, 3, 1),
    )  # fmt: skip


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
