"""Alignment by a program that the site has: tilt series by AreTomo or IMOD's patch tracking, frames by RELION.

Images are handed over in a folder of their own, and the program's own file is read back. The programs are found on the
PATH, or where ``CRYOGAUGE_ARETOMO``, ``CRYOGAUGE_BATCHRUNTOMO`` and ``CRYOGAUGE_MOTIONCORR`` say.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from cryogauge.imaging.coarse import align_coarsely
from cryogauge.imaging.threads import thread_count
from cryogauge.imaging.tilted import Aligner
from cryogauge.io import MrcWriter, read_tilt_series
from cryogauge.io.tilts.movies import is_eer, usual_eer_group
from cryogauge.records import PREVIEW, BadInput, Retryable, TiltSeries

Alignment = Literal["auto", "aretomo", "imod", "preview"]

_NAMES = {"aretomo": ("AreTomo2", "AreTomo"), "imod": ("batchruntomo",), "relion": ("relion_run_motioncorr",)}
_VARIABLES = {"aretomo": "CRYOGAUGE_ARETOMO", "imod": "CRYOGAUGE_BATCHRUNTOMO", "relion": "CRYOGAUGE_MOTIONCORR"}
_LONGEST_PX = 2048  # finer images align no better and take longer
_PATCH_A = 5000.0
_HOURS = 3
_TRY = "run it by hand on this series, or use cryogauge's own alignment"


def find_program(kind: str) -> str | None:
    """The path of ``aretomo``, ``imod`` (its batchruntomo) or ``relion`` (its relion_run_motioncorr); None for none."""
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
        When the program fails; the end of its log is told.
    """
    if series.alignment:
        return series
    if how == "auto":
        how = "aretomo" if find_program("aretomo") else "imod" if find_program("imod") else PREVIEW
    if how == PREVIEW:
        return align_coarsely(series, thickness_nm=thickness_nm)
    program = _required(how)
    stack, pixel = _hand_over(series, folder)
    if how == "aretomo":
        found = _aretomo(program, stack, pixel, series, thickness_nm)
    else:
        found = _imod(program, stack, pixel, series)
    columns = ["tilt_deg", "axis_deg", "shift_x_A", "shift_y_A"]
    told = {name: found.table[name].to_numpy() for name in columns}
    return replace(series, table=series.table.assign(**told, used=found.used & series.used), alignment=how)


def relion_motion(
    movies: Sequence[Path],
    pixel_size_A: float,
    folder: Path,
    *,
    gain: Path | None = None,
    eer_groups: Sequence[int | None] | None = None,
) -> list[Path]:
    """Register the frames of movies by RELION's own whole-frame motion correction, on the processor.

    EER movies are added up to the frames that :func:`cryogauge.io.open_movie` has, at the camera's own sampling.

    Parameters
    ----------
    movies
        MRC, TIFF or EER files.
    pixel_size_A
        Of the movies.
    folder
        For what RELION reads and leaves; exists.
    gain
        Gain reference, as RELION takes it.
    eer_groups
        For each movie what ``open_movie`` is given as ``eer_group``; None for none of them.

    Returns
    -------
    The STAR file of each movie, for :func:`cryogauge.io.read_motion`.

    Raises
    ------
    BadInput
        When RELION is not installed.
    Retryable
        When it fails; the end of its log is told.
    """
    program = _required("relion")
    given = [None] * len(movies) if eer_groups is None else eer_groups
    groups = [
        (group or usual_eer_group(movie)) if is_eer(movie.name) else None
        for movie, group in zip(movies, given, strict=True)
    ]
    names = []
    for k, movie in enumerate(movies):
        link = folder / f"{k:04d}{movie.suffix}"
        link.unlink(missing_ok=True)
        link.symlink_to(movie.absolute())
        names.append(link.name)
    text = (
        "data_optics\n\nloop_\n_rlnOpticsGroupName #1\n_rlnOpticsGroup #2\n_rlnMicrographOriginalPixelSize #3\n"
        "_rlnVoltage #4\n_rlnSphericalAberration #5\n_rlnAmplitudeContrast #6\n"
        f"one 1 {pixel_size_A:.4f} 300 2.7 0.1\n\n"
        "data_movies\n\nloop_\n_rlnMicrographMovieName #1\n_rlnOpticsGroup #2\n"
    )
    command = [
        program, "--i", "movies.star", "--o", "motion/", "--use_own", "--j", str(thread_count()), "--patch_x", "1",
        "--patch_y", "1", "--bfactor", "150", "--dose_per_frame", "1", "--first_frame_sum", "1", "--last_frame_sum",
        "-1",
    ]  # fmt: skip
    command += ["--gainref", str(gain.absolute())] if gain else []
    for group in dict.fromkeys(groups):  # a run has one grouping for all its movies
        chosen = [name for name, own in zip(names, groups, strict=True) if own == group]
        (folder / "movies.star").write_text(text + "".join(f"{name} 1\n" for name in chosen), encoding="ascii")
        _run([*command, *(["--eer_grouping", str(group), "--eer_upsampling", "1"] if group else [])], folder)
    stars = [folder / "motion" / Path(name).with_suffix(".star") for name in names]
    missing = [star for star in stars if not star.is_file()]
    if missing:
        raise Retryable(
            f"RELION registered all but {len(missing)} of {len(stars)} movies: {_end_of(folder / 'log.txt')}", _TRY
        )
    return stars


def _required(kind: str) -> str:
    program = find_program(kind)
    if program is None:
        raise BadInput(
            f"{' or '.join(_NAMES[kind])} is not on the PATH",
            f"install it, say by {_VARIABLES[kind]} where it is, or use cryogauge's own alignment",
        )
    return program


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
        raise Retryable(f"AreTomo left no alignment: {_end_of(stack.parent / 'log.txt')}", _TRY)
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
        raise Retryable(f"IMOD left no alignment: {_end_of(stack.parent / 'log.txt')}", _TRY)
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
        raise Retryable(f"{command[0]} ended with status {error.returncode}: {_end_of(log)}", _TRY) from error
    except subprocess.TimeoutExpired as error:
        raise Retryable(f"{command[0]} took more than {_HOURS} hours: {_end_of(log)}", _TRY) from error
    except OSError as error:
        raise BadInput(f"{command[0]} cannot be run: {error.strerror}", "check the installation") from error


def _end_of(log: Path) -> str:
    """The last words of a log in one line: the folder it lies in may be gone when they are read."""
    words = log.read_text(encoding="utf-8", errors="replace").split() if log.is_file() else []
    return " ".join(words[-40:]) or "it said nothing"
