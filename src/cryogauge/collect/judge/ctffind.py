"""Contrast transfer by CTFFIND, where a site has it: CTFFIND 4 and 5, and through them what RELION's job runs.

The program is found on the PATH as ``ctffind``, ``ctffind4`` or ``ctffind5``, or where ``CRYOGAUGE_CTFFIND`` says.
"""

import math
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryogauge.imaging.ctf_astigmatic import AstigmaticFit
from cryogauge.io import write_mrc
from cryogauge.records import BadInput, Retryable

_NAMES = ("ctffind", "ctffind4", "ctffind5")
_MINUTES = 10
_HINT = "run it by hand on this exposure, or use cryogauge's own fit"


def find_ctffind() -> str | None:
    """Path of the program; None where there is none."""
    named = os.environ.get("CRYOGAUGE_CTFFIND")
    return next((path for path in map(shutil.which, (named,) if named else _NAMES) if path), None)


def needed_ctffind() -> str:
    """Path of the program; raises ``BadInput`` where there is none."""
    program = find_ctffind()
    if program is None:
        raise BadInput(
            "CTFFIND is not on the PATH", "install it, say by CRYOGAUGE_CTFFIND where it is, or use --ctf own"
        )
    return program


def ctffind(
    image: NDArray[np.floating], pixel_size_A: float, *, voltage_kV: float, cs_mm: float, amplitude_contrast: float
) -> AstigmaticFit:
    """Fit an exposure by CTFFIND, between 0.3 and 6 µm.

    Parameters
    ----------
    image
        ``(y, x)``.
    pixel_size_A, voltage_kV, cs_mm, amplitude_contrast
        As for :func:`cryogauge.imaging.ctf_astigmatic.fit_astigmatic`.

    Raises
    ------
    BadInput
        When the program is not installed.
    Retryable
        When it fails, or leaves no result.
    """
    program = needed_ctffind()
    finest = max(2.2 * pixel_size_A, 3.0)
    with tempfile.TemporaryDirectory(prefix="cryogauge-ctf-") as scratch:
        folder = Path(scratch)
        write_mrc(folder / "image.mrc", np.asarray(image, dtype=np.float32)[None], pixel_size_A)
        answers = [
            "image.mrc", "fit.mrc", f"{pixel_size_A:.4f}", f"{voltage_kV:g}", f"{cs_mm:g}", f"{amplitude_contrast:g}",
            "512", "30", f"{finest:.2f}", "3000", "60000", "100",
            # what it knows, searches for or asks of experts differs by version: no to all
            *["no"] * 8,
        ]  # fmt: skip
        try:
            done = subprocess.run(
                [program], cwd=folder, input="\n".join(answers) + "\n", capture_output=True, text=True,
                timeout=60 * _MINUTES, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise Retryable(f"{program} took more than {_MINUTES} minutes", _HINT) from error
        except OSError as error:
            raise BadInput(f"{program} cannot be run: {error.strerror}", "check the installation") from error
        found = folder / "fit.txt"
        if not found.is_file():
            words = " ".join((done.stdout + done.stderr).split()[-30:])
            raise Retryable(f"{program} left no result: {words or 'it said nothing'}", _HINT)
        return parse_ctffind(found.read_text(encoding="utf-8", errors="replace"), "what CTFFIND wrote")


def parse_ctffind(text: str, source: str) -> AstigmaticFit:
    """The first row of CTFFIND's table; its columns are number, two defoci, angle, phase, correlation, resolution.

    Raises
    ------
    BadInput
        When it is no such table.
    """
    rows = [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    try:
        _, first, second, angle, _, correlation, resolution = (float(word) for word in rows[0][:7])
    except (IndexError, ValueError) as error:
        raise BadInput(f"{source} is no table of CTFFIND", "give its .txt file") from error
    if not math.isfinite(resolution) or resolution <= 0:
        resolution = math.inf
    # the angle is that of the first, which is the larger unless somebody wrote it otherwise
    angle = angle if first >= second else angle + 90
    return AstigmaticFit(0.5 * (first + second), abs(first - second), angle % 180.0, correlation, resolution)
