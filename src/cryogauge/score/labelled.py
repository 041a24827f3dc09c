"""From people's labels to training material: whose word counts how much, and what the network then sees.

The table is that of ``cryogauge.score.labels``: one row a judgement of a slice. Grey map, reference, neighbours and
controls are those of inference (:mod:`cryogauge.score.quality`), so that what is learned is what will be asked.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.imaging.wedge import measure_half_range_deg
from cryogauge.io import content_key, open_volume
from cryogauge.io.lazy import forget
from cryogauge.io.replace import replacing
from cryogauge.records import BadInput, Volume
from cryogauge.score.grey import STEPS, reflected
from cryogauge.score.network import CONTEXT
from cryogauge.score.quality import referred

#: What the table must have; further columns are those of people's work and play no part here.
NEEDED = ("tomogram", "uri", "z", "pixel_size_A", "annotator", "score")
#: Another way of preparing the slices makes earlier ones useless.
_PREPARATION = "1"
#: Slices between two labelled ones that are taken along, one in so many; how far those two may be apart, in slices or
#: as a part of the volume; and by how much their labels may differ where they are farther apart.
BETWEEN_EVERY, NEAR_SLICES, NEAR_PART, NEAR_LABELS = 3, 12, 8, 0.2


@dataclass(frozen=True)
class LabelledTomogram:
    """What people said of a tomogram.

    Attributes
    ----------
    name, uri, pixel_size_A
        What it is called and where it is; the voxel size in place of the file's own, NaN for the file's.
    z
        Labelled slices, int64 ``(n,)``, ascending, each once.
    score
        Their scores 0–1, float64 ``(n,)``: mean over the people, of each one's mean over repeats.
    """

    name: str
    uri: str
    pixel_size_A: float
    z: np.ndarray
    score: np.ndarray

    def open(self) -> Volume:
        """The tomogram, lazily; raises ``BadInput`` when it cannot be read or has fewer slices than are labelled."""
        size = self.pixel_size_A
        volume = open_volume(self.uri, pixel_size_A=size if np.isfinite(size) and size > 0 else None)
        if self.z[-1] >= volume.shape[0]:
            raise BadInput(
                f"slice {self.z[-1]} of {self.name} is labelled, but it has only {volume.shape[0]} slices",
                "the file is not the one that was labelled",
            )
        return volume


@dataclass(frozen=True)
class PreparedTomogram:
    """The labelled slices of a tomogram, and those :func:`between` them, as the network sees them.

    Attributes
    ----------
    z, score
        Which slices, int64 ``(n,)``, and their labels, float64.
    grey
        int8 ``(m, y, x)``: every slice that is needed, in steps of normal score.
    index
        int64 ``(n, slices)``: which of them make up the input of each slice.
    known
        float32: the volume's :func:`cryogauge.score.evidence.reference`.
    half_range_deg
        Measured half tilt range, NaN where none stands out.
    """

    z: np.ndarray
    score: np.ndarray
    grey: np.ndarray
    index: np.ndarray
    known: np.ndarray
    half_range_deg: float

    def stack(self, place: int) -> np.ndarray:
        """The network's input of one of the slices, float32 ``(slices, y, x)``."""
        return self.grey[self.index[place]].astype(np.float32) / STEPS


def labelled_tomograms(labels: pd.DataFrame) -> list[LabelledTomogram]:
    """The labels tomogram by tomogram, in the order of their names.

    A person who judged a slice more than once counts once, with the mean; so does each of several people.

    Raises
    ------
    BadInput
        When a column is missing, nothing is labelled, or a score is not between 0 and 1.
    """
    missing = [column for column in NEEDED if column not in labels.columns]
    if missing:
        raise BadInput(
            f"the labels have no column {missing[0]}", f"a table of labels has the columns {', '.join(NEEDED)}"
        )
    if labels.empty:
        raise BadInput("there are no labels", "label some slices first")
    score = pd.to_numeric(labels["score"], errors="coerce").to_numpy(float)
    z = pd.to_numeric(labels["z"], errors="coerce").to_numpy(float)
    bad = ~((score >= 0) & (score <= 1) & (z >= 0) & (z == np.floor(z)))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise BadInput(
            f"row {row + 1} of the labels has z {labels['z'].iloc[row]!r} and score {labels['score'].iloc[row]!r}",
            "z counts slices from 0, a score is between 0 and 1",
        )
    table = labels.assign(
        score=score, z=z.astype(int), annotator=labels["annotator"].astype(str), uri=labels["uri"].astype(str)
    )
    each = table.groupby(["uri", "z", "annotator"])["score"].mean()
    together = each.groupby(["uri", "z"]).mean()
    first = table.drop_duplicates("uri").set_index("uri")
    names = first["tomogram"].astype(str)
    found = []
    for uri in sorted(names.index, key=lambda uri: (names[uri], uri)):
        of_it = together.loc[uri]
        size = pd.to_numeric(first["pixel_size_A"], errors="coerce")[uri]
        found.append(
            LabelledTomogram(
                names[uri], str(uri), float(size), of_it.index.to_numpy(dtype=np.int64), of_it.to_numpy(dtype=float)
            )
        )
    return found


def labels_of_dataset(folder: Path) -> pd.DataFrame:
    """Labels of every slice of a simulated data set, from what the oracle says of it.

    Parameters
    ----------
    folder
        What :func:`cryogauge.simulate.dataset.simulate_dataset` wrote: ``tomograms`` and ``truth``.

    Raises
    ------
    BadInput
        When there is no tomogram with a truth.
    """
    tables = []
    for path in sorted((folder / "tomograms").glob("*.mrc")):
        oracle = folder / "truth" / path.stem / "oracle.csv"
        if oracle.exists():
            truth = pd.read_csv(oracle)
            tables.append(
                pd.DataFrame({"tomogram": path.stem, "uri": str(path), "z": truth["z"], "score": truth["score"]})
            )
    if not tables:
        raise BadInput(
            f"{folder} is no simulated data set: no tomograms/*.mrc with a truth/*/oracle.csv",
            "give a folder that cryogauge simulate dataset wrote, or a table or store of labels",
        )
    return pd.concat(tables, ignore_index=True).assign(pixel_size_A=np.nan, annotator="oracle")


def find_labels(where: str) -> list[LabelledTomogram]:
    """The labels of a CSV file, a store or its URL, or a folder of simulated tomograms; raises ``BadInput``."""
    from cryogauge.score.labels import read_labels

    path = Path(where)
    return labelled_tomograms(labels_of_dataset(path) if path.is_dir() else read_labels(where))


def find_fair_labels(where: str) -> tuple[list[LabelledTomogram], int]:
    """What :func:`find_labels` takes, without the labels of slices that a network was unsure of.

    Slices chosen for being difficult say nothing of the others. Labels that do not say why a slice was chosen stay.

    Returns
    -------
    tomograms
        As of :func:`find_labels`.
    left_out
        How many labels are not among these.

    Raises
    ------
    BadInput
        When there are no labels, or no others.
    """
    from cryogauge.score.labels import read_labels

    if Path(where).is_dir():
        return find_labels(where), 0
    labels = read_labels(where)
    fair = labels[labels["chosen"] != "unsure"]
    if len(labels) and fair.empty:
        raise BadInput(f"all labels in {where} are of slices that a network was unsure of", "label random slices too")
    return labelled_tomograms(fair), len(labels) - len(fair)


def smoothed(z: np.ndarray, score: np.ndarray, sigma: float) -> np.ndarray:
    """Labels smoothed along z by a Gaussian over the slices that have one.

    The paper labels every slice and filters; of a few labelled slices the same weights are taken over those alone and
    add up to one. A slice without labelled neighbours keeps its label; no end of the labels is padded.

    Parameters
    ----------
    z, score
        Labelled slices and their scores, ``(n,)``.
    sigma
        In slices; 3 in the paper.
    """
    weight = np.exp(-((z[:, None] - z[None, :]) ** 2) / (2.0 * sigma**2))
    return weight @ score / weight.sum(axis=1)


def between(tomogram: LabelledTomogram, count: int) -> LabelledTomogram:
    """The labels with more of them: slices between two labelled ones, on the straight line between these.

    What is seen changes little from slice to slice, and a label at either side says nearly as much as one of its own.
    Without such slices the few labelled ones are learned by heart.

    Parameters
    ----------
    tomogram
        The labels.
    count
        Slices of the volume.
    """
    taken = [tomogram.z]
    near = max(NEAR_SLICES, count // NEAR_PART)
    for i in range(len(tomogram.z) - 1):
        first, last = int(tomogram.z[i]), int(tomogram.z[i + 1])
        if last - first <= near or abs(tomogram.score[i + 1] - tomogram.score[i]) <= NEAR_LABELS + 1e-6:
            inside = (last - first - 1) // BETWEEN_EVERY
            taken.append(np.linspace(first, last, inside + 2).round().astype(np.int64)[1:-1])
    z = np.unique(np.concatenate(taken))
    return replace(tomogram, z=z, score=np.interp(z, tomogram.z, tomogram.score))


def split(tomograms: Sequence[LabelledTomogram], one_in: int, seed: int) -> tuple[list[int], list[int]]:
    """Places of the tomograms to train on and of those kept out: never slices of one tomogram on both sides.

    One in so many is kept out, at least one of three or more, none of fewer. They are drawn along the order
    of the tomograms' mean scores, so that both sides hold good and poor ones.
    """
    count = len(tomograms)
    if count < 3:
        return list(range(count)), []
    order = sorted(range(count), key=lambda i: (float(tomograms[i].score.mean()), tomograms[i].uri))
    rng = np.random.default_rng(seed)
    groups = np.array_split(np.array(order), max(1, count // one_in))
    out = sorted(int(rng.choice(group)) for group in groups)
    return [i for i in range(count) if i not in out], out


def prepare(
    tomograms: Sequence[LabelledTomogram], folder: Path, *, say: Callable[[str], None] = lambda text: None
) -> list[Path]:
    """Prepare the labelled slices of every tomogram, one file each; those that are there stay.

    Parameters
    ----------
    tomograms
        What is labelled. Their files are read lazily: only slices that are needed, and a sample for the grey map.
    folder
        Where ``<fingerprint>.npz`` goes; it is made.
    say
        Told of each tomogram that is read.

    Raises
    ------
    BadInput
        When a tomogram cannot be read, or has no slice that is labelled.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for tomogram in tomograms:
        labels = f"{tomogram.z.tolist()} {tomogram.score.tolist()}"
        wanted = [content_key(tomogram.uri), _PREPARATION, labels, str(CONTEXT)]
        path = folder / f"{hashlib.sha256(' '.join(wanted).encode()).hexdigest()[:20]}.npz"
        if not path.exists():
            say(f"reading {len(tomogram.z)} labelled slices of {tomogram.name}")
            prepared = prepare_one(tomogram)
            with replacing(path) as temporary, temporary.open("wb") as file:
                np.savez(file, **{field.name: getattr(prepared, field.name) for field in fields(prepared)})
        paths.append(path)
    return paths


def prepare_one(tomogram: LabelledTomogram) -> PreparedTomogram:
    """The labelled slices of one tomogram as the network sees them; raises ``BadInput`` as :func:`prepare`."""
    volume = tomogram.open()
    count = volume.shape[0]
    taught = between(tomogram, count)
    to_grey, known = referred(volume)
    half_range_deg = measure_half_range_deg(volume.data, to_grey)
    wanted = reflected(taught.z[:, None] + np.array(CONTEXT), count)
    needed, index = np.unique(wanted, return_inverse=True)
    grey = np.empty((len(needed), *volume.shape[1:]), dtype=np.int8)
    for row, z in zip(grey, needed, strict=True):
        row[:] = to_grey(np.asarray(volume.data[int(z)], dtype=np.float32))
    forget(volume.data)
    index = index.reshape(wanted.shape)
    return PreparedTomogram(taught.z, taught.score, grey, index, known.astype(np.float32), half_range_deg)


def read_prepared(path: Path) -> PreparedTomogram:
    """What :func:`prepare` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        stored = {field.name: arrays[field.name] for field in fields(PreparedTomogram)}
    return PreparedTomogram(**{**stored, "half_range_deg": float(stored["half_range_deg"])})
