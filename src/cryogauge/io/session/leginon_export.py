"""What Leginon's database knows of images, as a table that a site has it write.

Leginon writes no metadata beside its images: they are in its database. The query that writes this table is in the
reference page of microscope drivers.
"""

import io
import math
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cryogauge.io.session.foreign import read_small
from cryogauge.records import BadInput

_LARGEST = 256 * 2**20
_NUMBERS = (
    "pixel_size_A", "stage_x_um", "stage_y_um", "stage_z_um", "tilt_deg", "defocus_A", "dose_e_A2", "magnification",
)  # fmt: skip
#: Columns of the table; all but the first may be missing.
COLUMNS = ("image", *_NUMBERS, "recorded_at")


@dataclass(frozen=True)
class LeginonImage:
    """What is known of an image: numbers are NaN and texts empty where they are not."""

    pixel_size_A: float = math.nan
    stage_x_um: float = math.nan
    stage_y_um: float = math.nan
    stage_z_um: float = math.nan
    tilt_deg: float = math.nan
    defocus_A: float = math.nan
    dose_e_A2: float = math.nan
    magnification: float = math.nan
    recorded_at: str = ""


def is_leginon_export(head: bytes) -> bool:
    """Whether a file begins as such a table does."""
    words = set(head.decode("latin-1").partition("\n")[0].replace("\t", ",").strip().split(","))
    return "image" in words and len(words) > 1 and words <= set(COLUMNS)


def read_leginon_export(path: Path) -> dict[str, LeginonImage]:
    """The table by the images' names; of an image that stands twice the last row counts.

    Parameters
    ----------
    path
        CSV, or parted by tabulators as ``mysql --batch`` writes it.

    Raises
    ------
    BadInput
        When it cannot be read, has other columns than :data:`COLUMNS`, or words where numbers belong.
    """
    text = read_small(path, _LARGEST, "a table of images").decode("utf-8", errors="replace")
    first = text.partition("\n")[0]
    try:
        table = pd.read_csv(io.StringIO(text), sep="\t" if "\t" in first else ",", dtype={"image": str})
    except (ValueError, pd.errors.ParserError) as error:
        raise BadInput(f"{path} is no table: {error}", "export it again") from error
    unknown = sorted(set(table.columns) - set(COLUMNS))
    if unknown or "image" not in table:
        wrong = f"has a column {unknown[0]!r}" if unknown else "has no column 'image'"
        raise BadInput(f"{path} {wrong}", f"its columns are {', '.join(COLUMNS)}")
    for name in _NUMBERS:
        if name in table and not pd.api.types.is_numeric_dtype(table[name]):
            raise BadInput(f"{path} has words in the column {name}", "export it again")
    images = {}
    for row in table.to_dict("records"):
        numbers: dict[str, float] = {name: float(row[name]) for name in _NUMBERS if name in row}
        taken = row.get("recorded_at")
        name = str(row["image"]).removesuffix(".mrc")
        images[name] = LeginonImage(**numbers, recorded_at=taken if isinstance(taken, str) else "")
    return images
