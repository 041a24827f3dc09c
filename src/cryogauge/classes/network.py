"""Networks that grade averages: CryoSift's as published, and ours.

torch is imported inside: a module of a room must not cost an import of it.
"""

from typing import TYPE_CHECKING, NamedTuple

from cryogauge.classes.features import FEATURES, PUBLISHED_FEATURES
from cryogauge.records import REASONS, BadInput
from cryogauge.records.classes import BEST_GRADE, WORST_GRADE

if TYPE_CHECKING:
    from torch import Tensor, nn

#: The middle of the grades, where an untaught network begins.
_MIDDLE = (BEST_GRADE + WORST_GRADE) / 2
#: Grades that what a program tells of a class can move ours by: the image has the last word.
_TOLD_MOVES = 0.5
_BANDS = 12
#: Radius from which the image is the surroundings of what it shows, where half an edge is 1.
_SURROUNDINGS = 0.68


class Output(NamedTuple):
    """What a network says of a batch.

    Attributes
    ----------
    grade
        ``(batch,)``, open at both ends.
    log_variance
        ``(batch,)``, of the grade; 0 from a network that says nothing of it.
    reasons
        Logits ``(batch, reason)``, in the order of ``REASONS``; of no width from a network that names none.
    inside
        ``(batch, …)``: what it saw, as numbers, to tell a strange image by.
    """

    grade: "Tensor"
    log_variance: "Tensor"
    reasons: "Tensor"
    inside: "Tensor"


def build(name: str) -> "nn.Module":
    """An untaught network: ``forward(images (b, 1, y, x), features (b, 7), missing (b, 7))`` gives :class:`Output`.

    Raises
    ------
    BadInput
        For an unknown name.
    """
    makers = {"grader": grader, "cryosift": cryosift}
    if name not in makers:
        raise BadInput(f"no network is called {name!r}", f"one of: {', '.join(makers)}")
    return makers[name]()


def cryosift() -> "nn.Module":
    """CryoSift (section 2.2, Fig. 1d): residual blocks of 16, 32, 64 and 128 channels, 6 × 6 places, a linear layer.

    Two blocks of 16 and of 32 channels, three of 64 and of 128. A learned convolution of stride 2 follows each group:
    of 3 × 3 without padding, as in the public code (2 × 2 in the text). 4,608 numbers and six features make the grade.
    """
    import torch
    from torch import nn

    groups = ((16, 2), (32, 2), (64, 3), (128, 3))

    class Block(nn.Module):
        """Two convolutions beside the identity, or beside a convolution of 1² where the channels change."""

        def __init__(self, inside: int, out: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(inside, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True),
                nn.Conv2d(out, out, 3, padding=1, bias=False), nn.BatchNorm2d(out),
            )  # fmt: skip
            self.beside = nn.Identity() if inside == out else nn.Conv2d(inside, out, 1, bias=False)

        def forward(self, x: "Tensor") -> "Tensor":
            return torch.relu(self.beside(x) + self.body(x))

    class CryoSift(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layers: list[nn.Module] = []
            before = 1
            for channels, count in groups:
                layers += [Block(before if i == 0 else channels, channels) for i in range(count)]
                layers += [
                    nn.Conv2d(channels, channels, 3, stride=2, bias=False), nn.BatchNorm2d(channels),
                    nn.ReLU(inplace=True), nn.Dropout(0.25),
                ]  # fmt: skip
                before = channels
            self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(6), nn.Flatten())
            self.head = nn.Linear(groups[-1][0] * 36 + len(PUBLISHED_FEATURES), 1)
            nn.init.constant_(self.head.bias, _MIDDLE)

        def forward(self, images: "Tensor", features: "Tensor", missing: "Tensor") -> Output:
            seen = self.body(images)
            grade = self.head(torch.cat([seen, features[:, : len(PUBLISHED_FEATURES)]], 1))[:, 0]
            pooled = seen.view(len(seen), groups[-1][0], 36).mean(2)
            return Output(grade, torch.zeros_like(grade), grade.new_zeros((len(grade), 0)), pooled)

    return CryoSift()


def grader() -> "nn.Module":
    """Ours: a small residual network beside the image's power by rings, with three heads.

    The image is put under a soft circular mask and brought to mean 0 and standard deviation 1 inside, so that
    brightness, contrast and corners say nothing. The heads see means and largest values over the image, the means of
    finer scales, of the middle and of the border, and the power of the whole image and of its surroundings. What a
    program tells of the class moves the grade by half a grade at most, and not at all where it tells nothing.
    """
    import torch
    from torch import nn

    def convolution(inside: int, out: int, size: int = 3, stride: int = 1) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(inside, out, size, stride=stride, padding=size // 2, bias=False), nn.BatchNorm2d(out),
            nn.ReLU(inplace=True),
        )  # fmt: skip

    class Block(nn.Module):
        """Two convolutions beside the identity, which they leave as it is at the start."""

        def __init__(self, channels: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                convolution(channels, channels), nn.Conv2d(channels, channels, 3, padding=1, bias=False),
                nn.BatchNorm2d(channels),
            )  # fmt: skip
            nn.init.zeros_(self.body[-1].weight)  # pyright: ignore[reportArgumentType] a parameter

        def forward(self, x: "Tensor") -> "Tensor":
            return torch.relu(x + self.body(x))

    class Grader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fine = nn.Sequential(
                convolution(1, 24, 5, 2), Block(24), convolution(24, 40, 3, 2), Block(40), Block(40)
            )
            self.middle = nn.Sequential(convolution(40, 80, 3, 2), Block(80), Block(80))
            self.coarse = nn.Sequential(convolution(80, 128, 3, 2), Block(128), Block(128))
            self.power, self.beside = (
                nn.Sequential(nn.BatchNorm1d(_BANDS), nn.Linear(_BANDS, 16), nn.ReLU(inplace=True)) for _ in range(2)
            )
            width = 128 + 128 + 16 + 40 + 80 + 128 + 128 + 16
            self.join = nn.Sequential(nn.Dropout(0.1), nn.Linear(width, 64), nn.ReLU(inplace=True))
            self.grade, self.log_variance, self.reasons = (
                nn.Linear(64, 1),
                nn.Linear(64, 1),
                nn.Linear(64, len(REASONS)),
            )
            self.told = nn.Sequential(
                nn.Linear(64 + len(PUBLISHED_FEATURES) + len(FEATURES), 32), nn.ReLU(inplace=True), nn.Linear(32, 1),
                nn.Tanh(),
            )  # fmt: skip
            nn.init.constant_(self.grade.bias, _MIDDLE)

        def forward(self, images: "Tensor", features: "Tensor", missing: "Tensor") -> Output:
            images = standardised(images)
            surroundings = 1 - disc(images.shape[-1], _SURROUNDINGS, 0.1, images)
            fine = self.fine(images)
            middle = self.middle(fine)
            pooled = self.coarse(middle)
            seen = self.join(torch.cat([
                pooled.mean((2, 3)), pooled.amax((2, 3)), self.power(ring_power(images, _BANDS)), fine.mean((2, 3)),
                middle.mean((2, 3)), *middle_and_border(pooled), self.beside(ring_power(images * surroundings, _BANDS)),
            ], 1))  # fmt: skip
            # the frame's size in Å is missing where the pixel's is
            published = len(PUBLISHED_FEATURES)
            whole = [features[:, :published], missing[:, :published].to(features.dtype), features[:, published:]]
            told = self.told(torch.cat([seen.detach(), *whole], 1))[:, 0]
            grade = self.grade(seen)[:, 0] + _TOLD_MOVES * told * (~missing.bool()).any(1)
            return Output(grade, self.log_variance(seen)[:, 0].clamp(-6.0, 3.0), self.reasons(seen), seen)

    return Grader()


def standardised(images: "Tensor") -> "Tensor":
    """Images ``(b, 1, y, x)`` under a soft circle, with mean 0 and standard deviation 1 in it, and 0 beyond."""
    mask = disc(images.shape[-1], 0.97, 0.06, images)
    total = mask.sum()
    mean = (images * mask).sum((2, 3), keepdim=True) / total
    spread = (((images - mean) ** 2 * mask).sum((2, 3), keepdim=True) / total).sqrt()
    return (images - mean) * mask / (spread + 1e-6)


def disc(edge: int, radius: float, soft: float, like: "Tensor") -> "Tensor":
    """A disc ``(edge, edge)`` about pixel ``edge // 2``: 1 inside, 0 from its radius on; half an edge is 1."""
    return ((radius - _radii(edge, edge // 2, like)) / soft).clamp(0, 1)


def _radii(edge: int, middle: float, like: "Tensor") -> "Tensor":
    import torch

    axis = (torch.arange(edge, device=like.device, dtype=torch.float32) - middle) / (edge / 2)
    return torch.hypot(axis[:, None], axis[None, :])


def middle_and_border(maps: "Tensor") -> "tuple[Tensor, Tensor]":
    """Means of maps ``(b, channel, y, x)`` over the third of their area in the middle and the third at the border."""
    edge = maps.shape[-1]
    radii = _radii(edge, (edge - 1) / 2, maps)
    near, far = (part.to(maps.dtype) for part in (radii < 0.57, radii >= 0.9))
    return (maps * near).sum((2, 3)) / near.sum().clamp_min(1), (maps * far).sum((2, 3)) / far.sum().clamp_min(1)


def ring_power(images: "Tensor", bands: int) -> "Tensor":
    """Logarithms of the power of images ``(b, 1, y, x)`` in rings of equal width up to Nyquist, over the whole power.

    Powers below a hundred-thousandth of the whole count as that: what an 8-bit picture can still hold.
    """
    import torch

    edge = images.shape[-1]
    y = torch.fft.fftfreq(edge, device=images.device)[:, None]
    x = torch.fft.rfftfreq(edge, device=images.device)[None, :]
    ring = (torch.hypot(y, x) * 2 * bands).long()
    within = ring < bands
    power = torch.fft.rfft2(images[:, 0].float()).abs().square()[:, within]
    sums = power.new_zeros((len(images), bands)).index_add_(1, ring[within], power)
    return torch.log(sums / (sums.sum(1, keepdim=True) + 1e-12) + 1e-5)
