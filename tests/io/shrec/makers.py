"""Small sets in the layouts of SHREC's three years."""

from pathlib import Path

import numpy as np

from cryogauge.io import write_mrc

#: Kind, voxel x, y, z from the masks' first slice, and the angles of each particle; each fills a cube of 3 voxels.
PARTICLES = (
    ("1bxn", 4, 6, 3, (10.0, 20.0, 30.0)),
    ("4d8q", 12, 5, 5, (350.0, 190.0, 5.0)),
    ("1s3x", 7, 13, 6, (0.0, 90.0, 270.0)),
    ("1bxn", 14, 14, 2, (45.0, 135.0, 200.0)),
)
SHAPE = (10, 20, 18)


def occupancy(particles=PARTICLES, shape=SHAPE) -> np.ndarray:
    mask = np.zeros(shape, np.int16)
    for number, (_, x, y, z, _) in enumerate(particles, 1):
        mask[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2] = number
    return mask


def lines(particles=PARTICLES, *, capitals=False, shift=0, reverse=False) -> str:
    text = ""
    for name, x, y, z, angles in particles:
        voxels = (z + shift, y, x) if reverse else (x, y, z + shift)
        turned = " ".join(f"{angle:.4f}" for angle in angles)
        text += f"{name.upper() if capitals else name} {' '.join(map(str, voxels))} {turned}\n"
    return text


def grey(height: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((height, *SHAPE[1:])).astype(np.float32)


def set_2020(root: Path, number: int = 9, *, above: int = 4) -> Path:
    """Masks lower than the reconstruction by ``above`` slices at either end."""
    folder = root / f"model_{number}"
    folder.mkdir(parents=True)
    write_mrc(folder / "reconstruction.mrc", grey(SHAPE[0] + 2 * above), 1.0)
    write_mrc(folder / "occupancy_mask.mrc", occupancy().astype(np.float32), 1.0)
    (folder / "particle_locations.txt").write_text(lines())
    return folder


def set_2021(root: Path, number: int = 9) -> Path:
    """Masks as high as the reconstruction; capitals; a vesicle and a fiducial without angles."""
    folder = root / f"model_{number}"
    folder.mkdir(parents=True)
    more = (*PARTICLES[:2], ("4v94", 7, 13, 6, (0, 0, 0)), ("vesicle", 14, 14, 2, (0, 0, 0)))
    write_mrc(folder / "reconstruction.mrc", grey(SHAPE[0]), 1.0)
    write_mrc(folder / "occupancy_mask.mrc", occupancy(more).astype(np.float32), 1.0)
    text = lines(more, capitals=True).replace("VESICLE", "vesicle").splitlines()
    text[3] = "vesicle 14 14 2 NaN NaN NaN"
    (folder / "particle_locations.txt").write_text("\n".join(text) + "\n")
    return folder


def set_2019(root: Path, number: int = 9, *, above: int = 4) -> Path:
    """Numbers in the names, voxels as z, y, x, a hit box in place of the occupancy mask."""
    folder = root / str(number)
    folder.mkdir(parents=True)
    write_mrc(folder / f"reconstruction_model_{number}.mrc", grey(SHAPE[0] + 2 * above), 1.0)
    write_mrc(folder / f"hitbox_{number}.mrc", occupancy().astype(np.float32), 1.0)
    (folder / f"particle_locations_model_{number}.txt").write_text(lines(reverse=True))
    return folder
