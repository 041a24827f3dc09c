"""Particles made of Gaussian blobs, whose turned, mirrored and shifted images are known exactly."""

import numpy as np

#: Blobs of each shape: y, x, width (parts of the edge), height. None is its own mirror image.
SHAPES = (
    ((-0.15, -0.05, 0.05, 1.0), (0.10, 0.15, 0.08, 1.0), (0.0, -0.12, 0.04, 1.2)),
    ((0.0, 0.0, 0.12, 1.0), (0.20, 0.05, 0.05, 1.3), (0.02, -0.18, 0.04, 0.7)),
    ((-0.10, -0.10, 0.06, 1.0), (-0.10, 0.15, 0.06, 1.0), (0.15, 0.15, 0.06, 1.0), (0.05, -0.05, 0.04, 1.0)),
)


def shape(number, box, angle_deg=0.0, shift=(0.0, 0.0), mirrored=False):
    """One shape, mirrored left to right or not, turned from +x towards +y about pixel n // 2, shifted (y, x)."""
    y, x = np.mgrid[:box, :box] - box // 2
    turn = np.deg2rad(angle_deg)
    image = np.zeros((box, box))
    for cy, cx, width, height in SHAPES[number]:
        cy, cx = cy * box, (-cx if mirrored else cx) * box
        at_y = np.cos(turn) * cy + np.sin(turn) * cx + shift[0]
        at_x = np.cos(turn) * cx - np.sin(turn) * cy + shift[1]
        image += height * np.exp(-((y - at_y) ** 2 + (x - at_x) ** 2) / (2 * (width * box) ** 2))
    return image


def particles(count, box, snr, seed, shares=None, transfer=None):
    """Noisy particles of any turn and their truth: images, shape, angle, shift."""
    rng = np.random.default_rng(seed)
    which = rng.choice(len(SHAPES), count, p=shares)
    angle = rng.uniform(0, 360, count)
    shift = rng.normal(0, 0.025 * box, (count, 2))
    images = np.stack([shape(k, box, a, s) for k, a, s in zip(which, angle, shift, strict=True)])
    if transfer is not None:
        images = np.fft.irfft2(np.fft.rfft2(images) * transfer, (box, box))
    noise = np.sqrt(images.var(axis=(1, 2)).mean() / snr)
    return (images + noise * rng.standard_normal(images.shape)).astype(np.float32), which, angle, shift


def purity(assignment, truth):
    """Share of the particles that are of their class's commonest shape."""
    return sum(np.bincount(truth[assignment == k]).max() for k in np.unique(assignment)) / len(truth)
