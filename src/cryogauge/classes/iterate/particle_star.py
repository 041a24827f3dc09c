"""RELION's table of particles, and parts of it as they stand: no value is read and written again."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from cryogauge.classes.iterate.rounds import Ids
from cryogauge.io.replace import replacing
from cryogauge.records import BadInput

_BLOCKS = ("particles", "images", "")  # RELION 3.1 on, and before
_NEEDED = "give the particles.star of an extraction or a selection"


@dataclass(frozen=True)
class ParticleStar:
    """A STAR file of particles.

    Attributes
    ----------
    path
        The file.
    head, rows, tail
        Its text: up to the first particle, a line a particle, and what follows.
    columns
        The place of each label of the table of particles, without its underscore.
    optics
        The first row of the table of optics, by label; empty before RELION 3.1.
    """

    path: Path
    head: str
    rows: tuple[str, ...]
    tail: str
    columns: dict[str, int]
    optics: dict[str, str]

    @cached_property
    def images(self) -> list[str]:
        """``number@stack`` of each particle."""
        return self.values("rlnImageName")

    @cached_property
    def root(self) -> Path:
        """The folder that paths in the file start from: the one it lies in or one above, as the first image says."""
        image = Path(self.images[0].partition("@")[2])
        beside = self.path.absolute().parent
        for folder in (Path.cwd(), beside, *beside.parents):
            if (folder / image).is_file():
                return folder
        raise BadInput(
            f"{image}, which {self.path} names, is not found from its folder or one above",
            "run from the folder of the RELION project",
        )

    def values(self, label: str) -> list[str]:
        """A column as text; raises ``BadInput`` where there is none."""
        if label not in self.columns:
            raise BadInput(f"{self.path} has no {label}", _NEEDED)
        place = self.columns[label]
        return [row.split()[place] for row in self.rows]

    def numbers(self, label: str) -> np.ndarray:
        """A column as numbers; raises ``BadInput`` where there is none."""
        try:
            return np.array(self.values(label), dtype=float)
        except ValueError as error:
            raise BadInput(f"{self.path} has no numbers as {label}: {error}", _NEEDED) from error

    def of_each(self, label: str) -> np.ndarray | None:
        """Numbers, one a particle, from its column or else the optics; None where neither says, or not in numbers."""
        try:
            if label in self.columns:
                return self.numbers(label)
            return np.full(len(self.rows), float(self.optics[label])) if label in self.optics else None
        except (BadInput, ValueError):
            return None

    def write(self, rows: Ids, path: Path) -> None:
        """Write the chosen particles, by their place among all, in rising order."""
        text = self.head + "".join(self.rows[row] + "\n" for row in np.sort(rows)) + self.tail
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")

    @property
    def box_px(self) -> int:
        """Edge of the images in pixels, by the optics or the first stack."""
        said = self.optics.get("rlnImageSize")
        if said is not None:
            return int(float(said))
        from cryogauge.io.mrc import map_mrc

        _, images = map_mrc(self.root / self.images[0].partition("@")[2])
        return int(images.shape[-1])

    @property
    def pixel_size_A(self) -> float:
        """Pixel of the images; raises ``BadInput`` where the file does not say."""
        for label in ("rlnImagePixelSize", "rlnPixelSize"):
            if label in self.optics:
                return float(self.optics[label])
        if {"rlnDetectorPixelSize", "rlnMagnification"} <= self.columns.keys():
            return float(1e4 * self.numbers("rlnDetectorPixelSize")[0] / self.numbers("rlnMagnification")[0])
        raise BadInput(f"{self.path} does not say the size of a pixel", _NEEDED)

    @property
    def original_pixel_size_A(self) -> float:
        """Pixel of the micrographs; that of the images where the file does not say."""
        return float(self.optics.get("rlnMicrographOriginalPixelSize", self.pixel_size_A))

    @property
    def fingerprint(self) -> str:
        """Of all the text."""
        return hashlib.sha256("\n".join((self.head, *self.rows, self.tail)).encode()).hexdigest()[:16]


def read_particle_star(path: str | Path) -> ParticleStar:
    """Read a STAR file of particles as RELION 3 to 5 write them.

    Raises
    ------
    BadInput
        When it cannot be read, holds no particles, or names an image twice.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {(error.strerror or 'refused').lower()}", _NEEDED) from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is no STAR file", _NEEDED) from error
    starts = {found[1]: found for found in re.finditer(r"(?m)^data_(\S*)[ \t]*$", text)}
    name = next((each for each in _BLOCKS if each in starts), None)
    if name is None:
        raise BadInput(f"{path} has no table of particles", _NEEDED)
    ends = sorted(found.start() for found in starts.values())
    start = starts[name].end()
    end = next((place for place in ends if place > start), len(text))
    columns, first, last = _table(text, start, end)
    rows = tuple(line for line in text[first:last].split("\n") if line.strip())
    if "rlnImageName" not in columns or not rows:
        raise BadInput(f"{path} holds no particles", _NEEDED)
    star = ParticleStar(path, text[:first], rows, text[last:], columns, _optics(text, starts, ends))
    _check(star)
    return star


def _table(text: str, start: int, end: int) -> tuple[dict[str, int], int, int]:
    """Columns of the loop in a part of the text, and where its rows begin and end."""
    columns: dict[str, int] = {}
    place = start
    for line in text[start:end].splitlines(keepends=True):
        word = line.strip()
        if word.startswith("_"):
            columns[word.split()[0].removeprefix("_")] = len(columns)
        elif columns and word and not word.startswith("#"):
            break
        place += len(line)
    body = text[place:end]
    blank = re.search(r"(?m)^\s*$|^\s*#", body)
    return columns, place, place + (blank.start() if blank else len(body))


def _optics(text: str, starts: dict[str, re.Match[str]], ends: Sequence[int]) -> dict[str, str]:
    if "optics" not in starts:
        return {}
    start = starts["optics"].end()
    columns, first, last = _table(text, start, next((place for place in ends if place > start), len(text)))
    words = text[first:last].split("\n")[0].split()
    return {label: words[place] for label, place in columns.items() if place < len(words)}


def _check(star: ParticleStar) -> None:
    short = next((row for row in star.rows if len(row.split()) < len(star.columns)), None)
    if short is not None:
        raise BadInput(f"{star.path} has a particle with too few columns: {short.strip()[:60]}", "copy it again")
    image, count = Counter(star.images).most_common(1)[0]
    if count > 1:
        raise BadInput(f"{star.path} names {image} {count} times", "take duplicates out, by relion_star_handler")


def match_unbinned(star: ParticleStar, unbinned: ParticleStar) -> np.ndarray:
    """For each particle its place in another extraction of the same picks, −1 where it is not in it.

    They are the same by number and name of the stack's file (extractions name stacks alike), or else by micrograph and
    coordinates.

    Raises
    ------
    BadInput
        When no particle is found.
    """
    for key in (_image_keys, _coordinate_keys):
        keys, others = key(star), key(unbinned)
        if keys and others and len(set(others)) == len(others):
            places = {each: row for row, each in enumerate(others)}
            found = np.array([places.get(each, -1) for each in keys])
            if (found >= 0).any():
                return found
    raise BadInput(
        f"{unbinned.path} holds none of the particles of {star.path}",
        "give the same picks, extracted without binning",
    )


def _image_keys(star: ParticleStar) -> list[tuple[int, str]]:
    parts = [image.partition("@") for image in star.images]
    return [(int(number), Path(stack).name) for number, _, stack in parts]


def _coordinate_keys(star: ParticleStar) -> list[tuple[str, float, float]]:
    labels = ("rlnMicrographName", "rlnCoordinateX", "rlnCoordinateY")
    if not set(labels) <= star.columns.keys():
        return []
    names = [Path(name).name for name in star.values(labels[0])]
    x, y = (np.round(star.numbers(label), 2).tolist() for label in labels[1:])
    return list(zip(names, x, y, strict=True))
