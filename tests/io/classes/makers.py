"""Jobs of 2-D classification for tests: RELION's and cryoSPARC's by hand, and a real run of RELION."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from cryogauge.io import MrcWriter

needs_relion = pytest.mark.skipif(shutil.which("relion_refine") is None, reason="relion_refine is not on PATH")

MODEL = """
# version 30001

data_model_general

_rlnReferenceDimensionality                        2
_rlnDataDimensionality                             2
_rlnOriginalImageSize                             {box}
_rlnPixelSize                               {pixel:.6f}
_rlnNrClasses                                      {count}


# version 30001

data_model_classes

loop_
_rlnReferenceImage #1
_rlnClassDistribution #2
_rlnEstimatedResolution #3
{rows}

data_model_class_1

loop_
_rlnSpectralIndex #1
_rlnResolution #2
0 0.0
1 0.1

"""
OPTICS = """
# version 30001

data_optics

loop_
_rlnOpticsGroup #1
_rlnOpticsGroupName #2
_rlnImagePixelSize #3
1 opticsGroup1 {pixel:.6f}

"""
PARTICLES = """
# version 30001

data_{block}

loop_
_rlnImageName #1
_rlnCoordinateX #2
_rlnClassNumber #3
_rlnLogLikeliContribution #4
{rows}

"""


def write_stack(path: Path, images: np.ndarray, pixel_A: float = 4.0) -> None:
    with MrcWriter(path, images.shape, pixel_A, stack=True) as writer:
        writer.append(np.asarray(images, dtype=np.float32))


def pictures(count: int, box: int = 16, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, box, box)).astype(np.float32)


def particle_rows(class_of) -> str:
    return "\n".join(
        f"{place:06d}@stack.mrcs {place * 1.1:12.6f} {number:>12} 2.5{place:03d}e+05 "
        for place, number in enumerate(class_of, 1)
    )


def write_relion(
    folder: Path,
    class_of,
    *,
    count: int = 3,
    run: str = "run_it025_",
    resolution=("12.5", "999.000000", "-nan"),
    pixel_A: float = 4.0,
    block: str = "particles",
    name: str | None = None,
    seed: int = 0,
) -> np.ndarray:
    """An iteration by hand; its images."""
    folder.mkdir(parents=True, exist_ok=True)
    images = pictures(count, seed=seed)
    write_stack(folder / f"{run}classes.mrcs", images, pixel_A)
    shares = np.bincount(np.asarray(class_of, dtype=int), minlength=count + 1)[1 : count + 1] / max(1, len(class_of))
    names = f"{name or folder.name}/{run}classes.mrcs"
    rows = "\n".join(
        f"{place:06d}@{names} {share:.6f} {told}"
        for place, (share, told) in enumerate(zip(shares, (resolution * count)[:count], strict=True), 1)
    )
    (folder / f"{run}model.star").write_text(MODEL.format(box=16, pixel=pixel_A, count=count, rows=rows))
    optics = OPTICS.format(pixel=pixel_A) if block == "particles" else ""
    (folder / f"{run}data.star").write_text(optics + PARTICLES.format(block=block, rows=particle_rows(class_of)))
    return images


def cs_table(columns: dict) -> np.ndarray:
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    table = np.zeros(len(next(iter(arrays.values()))), [(n, a.dtype, a.shape[1:]) for n, a in arrays.items()])
    for name, values in arrays.items():
        table[name] = values
    return table


def save_cs(path: Path, table: np.ndarray) -> None:
    with path.open("wb") as file:
        np.save(file, table, allow_pickle=False)


def write_cryosparc(folder: Path, class_of, *, count: int = 4, start: str = "J12_020", seed: int = 0) -> np.ndarray:
    """A job of cryoSPARC by hand; its images."""
    folder.mkdir(parents=True, exist_ok=True)
    images = pictures(count, seed=seed)
    write_stack(folder / f"{start}_class_averages.mrc", images, 2.5)
    path = f"{folder.name}/{start}_class_averages.mrc".encode()
    save_cs(
        folder / f"{start}_class_averages.cs",
        cs_table({
            "uid": np.arange(count, dtype=np.uint64) + 77,
            "blob/path": np.array([path] * count),
            "blob/idx": np.arange(count, dtype=np.uint32),
            "blob/psize_A": np.full(count, 2.5, np.float32),
            "blob/res_A": np.linspace(6, 20, count).astype(np.float32),
        }),
    )  # fmt: skip
    n = len(class_of)
    rng = np.random.default_rng(seed)
    save_cs(
        folder / f"{start}_particles.cs",
        cs_table({
            "uid": rng.permutation(n).astype(np.uint64) + 10**15,
            "blob/path": np.array([f"J1/imported/{place:04d}.mrc".encode() for place in range(n)] or [b""])[:n],
            "blob/idx": np.arange(n, dtype=np.uint32),
            "alignments2D/class": np.asarray(class_of, dtype=np.uint32),
            "alignments2D/shift": rng.normal(size=(n, 2)).astype(np.float32),
        }),
    )  # fmt: skip
    return images


def run_relion(folder: Path) -> Path:
    """A job of RELION's own, of sixty particles of three kinds, in its project ``folder``."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:32, :32] - 15.5
    kinds = (
        np.exp(-((x - 6) ** 2 + y**2) / 8) + np.exp(-((x + 6) ** 2 + y**2) / 8),
        np.exp(-(x**2 + y**2) / 30),
        np.exp(-((np.hypot(x, y) - 8) ** 2) / 6),
    )
    write_stack(folder / "p.mrcs", np.array([3 * kinds[k % 3] + rng.normal(size=(32, 32)) for k in range(60)]))
    rows = "\n".join(f"{k + 1:06d}@p.mrcs mic{k % 2}.mrc {k * 1.5:.6f} {k * 2.25:.6f} 1" for k in range(60))
    (folder / "particles.star").write_text(
        "\n# version 30001\n\ndata_optics\n\nloop_\n_rlnOpticsGroupName #1\n_rlnOpticsGroup #2\n"
        "_rlnMicrographOriginalPixelSize #3\n_rlnVoltage #4\n_rlnSphericalAberration #5\n_rlnAmplitudeContrast #6\n"
        "_rlnImagePixelSize #7\n_rlnImageSize #8\n_rlnImageDimensionality #9\n"
        "opticsGroup1 1 4.0 300.0 2.7 0.1 4.0 32 2\n\n\n# version 30001\n\ndata_particles\n\nloop_\n_rlnImageName #1\n"
        f"_rlnMicrographName #2\n_rlnCoordinateX #3\n_rlnCoordinateY #4\n_rlnOpticsGroup #5\n{rows}\n"
    )
    (folder / "Class2D" / "job002").mkdir(parents=True)
    subprocess.run(
        [
            "relion_refine", "--o", "Class2D/job002/run", "--i", "particles.star", "--K", "3", "--iter", "2",
            "--particle_diameter", "100", "--psi_step", "20", "--offset_range", "3", "--offset_step", "2",
            "--tau2_fudge", "2", "--oversampling", "1", "--norm", "--scale", "--flatten_solvent", "--zero_mask",
            "--random_seed", "3", "--dont_check_norm", "--pad", "1",
        ],
        cwd=folder, check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return folder / "Class2D" / "job002"
