"""Alignment of a tilt series by a program that the site has: AreTomo, or IMOD's patch tracking.

The images are handed over as an MRC stack with its tilt angles in a folder of its own, and the program's own file is
read back. The programs are found on the PATH, or where ``CRYOGAUGE_ARETOMO`` and ``CRYOGAUGE_BATCHRUNTOMO`` say.
"""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from cryogauge.imaging.coarse import align_coarsely
from cryogauge.imaging.tilted import Aligner
from cryogauge.io import MrcWriter, read_tilt_series
from cryogauge.records import BadInput, Retryable, TiltSeries

Alignment = Literal["auto", "aretomo", "imod", "preview"]

_NAMES = {"aretomo": ("AreTomo2", "AreTomo"), "imod": ("batchruntomo",)}
_VARIABLES = {"aretomo": "CRYOGAUGE_ARETOMO", "imod": "CRYOGAUGE_BATCHRUNTOMO"}
_LONGEST_PX = 2048  # finer images align no better and take longer
_PATCH_A = 5000.0
_HOURS = 3


def find_program(kind: str) -> str | None:
    """The path of ``aretomo`` or ``imod`` (its batchruntomo) on this machine; None where it is not installed."""
    named = os.environ.get(_VARIABLES[kind])
    candidates = (named,) if named else _NAMES[kind]
    return next((path for path in map(shutil.which, candidates) if path), None)


def align(series: TiltSeries, how: Alignment, folder: Path, *, thickness_nm: float = 200.0) -> TiltSeries:
    """A tilt series with an alignment: its own where it has one.

    Parameters
    ----------
    series
        As read.
    how
        For a series without: ``aretomo`` or ``imod``; ``preview``, the coarse alignment of
        :func:`cryogauge.imaging.coarse.align_coarsely`; ``auto``, the first of these that there is.
    folder
        For the files of the programs; exists. What they leave there is not removed.
    thickness_nm
        About how thick the specimen is.

    Returns
    -------
    The series with its ``alignment``: a path, ``aretomo``, ``imod`` or ``preview``.

    Raises
    ------
    BadInput
        When the program is not installed, or the series cannot be aligned.
    Retryable
        When the program fails; its log is named.
    """
    if series.alignment:
        return series
    if how == "auto":
        how = "aretomo" if find_program("aretomo") else "imod" if find_program("imod") else "preview"
    if how == "preview":
        return align_coarsely(series, thickness_nm=thickness_nm)
    program = find_program(how)
    if program is None:
        raise BadInput(
            f"{' or '.join(_NAMES[how])} is not on the PATH", f"install it, set {_VARIABLES[how]}, or align by preview"
        )
    stack, pixel = _hand_over(series, folder)
    if how == "aretomo":
        found = _aretomo(program, stack, pixel, series, thickness_nm)
    else:
        found = _imod(program, stack, pixel, series)
    columns = ["tilt_deg", "axis_deg", "shift_x_A", "shift_y_A"]
    told = {name: found.table[name].to_numpy() for name in columns}
    return replace(series, table=series.table.assign(**told, used=found.used & series.used), alignment=how)


def _hand_over(series: TiltSeries, folder: Path) -> tuple[Path, float]:
    """Write ``series.mrc`` and ``series.rawtlt``, binned where the images are large; the pixel size."""
    voxel = max(series.pixel_size_A * max(series.images.shape[1:]) / _LONGEST_PX, series.pixel_size_A)
    aligner = Aligner(series, voxel)
    stack = folder / "series.mrc"
    first = aligner.bin(series.images[0])
    with MrcWriter(stack, (len(series.table), *first.shape), aligner.pixel_size_A, mode=2, stack=True) as writer:
        for k in range(len(series.table)):
            writer.append(first if k == 0 else aligner.bin(series.images[k]))
    angles = "".join(f"{tilt:.3f}\n" for tilt in series.table["tilt_deg"])
    stack.with_suffix(".rawtlt").write_text(angles, encoding="ascii")
    return stack, aligner.pixel_size_A


def _aretomo(program: str, stack: Path, pixel_A: float, series: TiltSeries, thickness_nm: float) -> TiltSeries:
    """Global alignment only; dark images are judged by ourselves, so that none is taken out."""
    command = [
        program, "-InMrc", stack.name, "-OutMrc", "aligned.mrc", "-AngFile", stack.with_suffix(".rawtlt").name,
        "-AlignZ", str(round(thickness_nm * 10 / pixel_A)), "-VolZ", "0", "-OutBin", "1", "-DarkTol", "0.0001",
    ]  # fmt: skip
    axis = float(series.table["axis_deg"].median())
    if np.isfinite(axis):
        command += ["-TiltAxis", f"{axis:.2f}"]
    _run(command, stack.parent)
    # beside its input or beside its output, by version
    written = [path for path in (stack.with_suffix(".aln"), stack.parent / "aligned.aln") if path.is_file()]
    if not written:
        raise Retryable(f"AreTomo left no alignment in {stack.parent}", f"see {stack.parent / 'log.txt'}")
    return read_tilt_series(stack, alignment=written[0], pixel_size_A=pixel_A)


def _imod(program: str, stack: Path, pixel_A: float, series: TiltSeries) -> TiltSeries:
    """Fiducial-free: patches tracked by correlation, one rotation for all images, no distortion."""
    axis = float(series.table["axis_deg"].median())
    if not np.isfinite(axis):
        raise BadInput(f"the direction of the tilt axis of {series.source} is not known", "an .mdoc beside it says it")
    patch = max(round(_PATCH_A / pixel_A), 64)
    directives = {
        "setupset.copyarg.userawtlt": 1,
        "setupset.copyarg.stackext": "mrc",
        "setupset.copyarg.rotation": f"{axis:.2f}",
        "setupset.copyarg.pixel": f"{pixel_A / 10:.5f}",
        "setupset.copyarg.dual": 0,
        "setupset.copyarg.gold": 0,
        "runtime.Fiducials.any.trackingMethod": 1,
        "comparam.xcorr_pt.tiltxcorr.SizeOfPatchesXandY": f"{patch},{patch}",
        "comparam.xcorr_pt.tiltxcorr.OverlapOfPatchesXandY": "0.33,0.33",
        "comparam.xcorr_pt.tiltxcorr.IterateCorrelations": 4,
        "comparam.align.tiltalign.TiltOption": 0,
        "comparam.align.tiltalign.RotOption": -1,
        "comparam.align.tiltalign.MagOption": 0,
    }
    text = "".join(f"{name} = {value}\n" for name, value in directives.items())
    stack.with_name("directives.adoc").write_text(text, encoding="ascii")
    command = [
        program, "-DirectiveFile", "directives.adoc", "-RootName", stack.stem, "-CurrentLocation", str(stack.parent),
        "-EndingStep", "6",
    ]  # fmt: skip
    _run(command, stack.parent)
    found = stack.with_suffix(".xf")
    if not found.is_file():
        raise Retryable(f"IMOD left no alignment in {stack.parent}", f"see {stack.parent / 'log.txt'}")
    return read_tilt_series(stack, alignment=found, pixel_size_A=pixel_A)


def _run(command: list[str], folder: Path) -> None:
    log = folder / "log.txt"
    try:
        with log.open("w") as file:
            subprocess.run(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                timeout=_HOURS * 3600,
                check=True,
            )
    except subprocess.CalledProcessError as error:
        raise Retryable(f"{command[0]} ended with status {error.returncode}", f"see {log}") from error
    except subprocess.TimeoutExpired as error:
        raise Retryable(f"{command[0]} took more than {_HOURS} hours", f"see {log}") from error
    except OSError as error:
        raise BadInput(f"{command[0]} cannot be run: {error.strerror}", "check the installation") from error
