"""A round of labelling: these slices, anybody who comes, everybody in an order of their own."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.io import TomogramSource, content_key, open_volume
from cryogauge.io.formats import is_local
from cryogauge.jobs.turns import Progress, Showing, Turns
from cryogauge.records import BadInput, Volume
from cryogauge.score.labels.order import choose_slices
from cryogauge.score.labels.store import Label, LabelSlice, LabelStore


class LabelSession:
    """What a page or a program needs to have slices labelled; safe to use from several threads.

    Parameters
    ----------
    store
        Where the labels go.
    slices
        The slices to be labelled.
    uncertainty
        The model's uncertainty of those slices that were chosen for it, ``{(content, z): value}``.
    seed
        The same seed, slices and names give the same orders.
    """

    def __init__(
        self,
        store: LabelStore,
        slices: Sequence[LabelSlice],
        uncertainty: dict[tuple[str, int], float] | None = None,
        *,
        seed: int = 0,
    ) -> None:
        ids = store.add_slices(slices)
        self.store = store
        self.slices = {ids[each.content, each.z]: each for each in slices}
        self._uncertainty = {ids[key]: value for key, value in (uncertainty or {}).items()}
        groups = {each: known.content for each, known in self.slices.items()}
        self._turns = Turns(groups, self._uncertainty, seed=seed)

    def upcoming(self, annotator: str, count: int) -> list[Showing]:
        """The next slices to show somebody, ``count`` at most; none when all are labelled."""
        return self._turns.upcoming(annotator, self.store.labelled(annotator), count)

    def progress(self, annotator: str) -> Progress:
        """How far somebody is with these slices."""
        return self._turns.progress(annotator, self.store.labelled(annotator))

    def label(self, annotator: str, showing: Showing, label: Label) -> bool:
        """Keep a label; False when there is one already. Raises ``BadInput`` for a slice that is not to be labelled."""
        if showing not in self._turns.order(annotator):
            raise BadInput("this slice is not among those to be labelled", "load the page again")
        chosen = "unsure" if showing.item in self._uncertainty else "random"
        return self.store.add(showing.item, annotator, label, repeat=showing.repeat, chosen=chosen)

    def undo(self, annotator: str) -> Showing | None:
        """Take somebody's last label of these slices back; which it was, or None when there is none."""
        for slice_id, repeat in reversed(self.store.labelled(annotator)):
            if slice_id in self.slices:
                self.store.remove(slice_id, annotator, repeat=repeat)
                return Showing(slice_id, repeat)
        return None


def slices_of_tomogram(
    source: TomogramSource,
    count: int,
    *,
    seed: int,
    pixel_size_A: float | None = None,
    scores: pd.DataFrame | None = None,
) -> tuple[list[LabelSlice], dict[tuple[str, int], float]]:
    """Slices of a tomogram to be labelled; see :func:`cryogauge.score.labels.order.choose_slices`.

    Parameters
    ----------
    source
        The tomogram.
    count
        How many slices at most.
    seed
        The same seed gives the same slices of the same tomogram.
    pixel_size_A
        Edge of a pixel in Å, which takes precedence over the file's own.
    scores
        Rows ``z, uncertainty`` of this tomogram from ``slices.csv``, to have half of the slices chosen by.

    Returns
    -------
    slices
        By ascending z.
    uncertainty
        ``{(content, z): uncertainty}`` of those that were chosen for it.

    Raises
    ------
    BadInput
        When the tomogram cannot be read, or the scores are of another one.
    """
    volume: Volume = open_volume(source.uri, pixel_size_A=pixel_size_A)
    depth = volume.shape[0]
    content = content_key(source.uri)
    uncertainty = None
    if scores is not None and len(scores):
        if scores["z"].min() < 0 or scores["z"].max() >= depth:
            raise BadInput(f"the scores of {source.name} are of more slices than it has", "score it again")
        uncertainty = np.full(depth, np.nan)
        uncertainty[scores["z"]] = scores["uncertainty"]
    chosen, unsure = choose_slices(depth, count, f"{seed} {content}", uncertainty)
    uri = _absolute(source.uri)
    slices = [LabelSlice(content, z, source.name, uri, volume.voxel_size_A) for z in chosen]
    return slices, {} if uncertainty is None else {(content, z): float(uncertainty[z]) for z in unsure}


def _absolute(uri: str) -> str:
    return str(Path(uri).resolve()) if is_local(uri) else uri


def read_slice_scores(folder: Path) -> pd.DataFrame:
    """``slices.csv`` of a folder that ``cryogauge score`` wrote: ``tomogram, z, uncertainty``.

    Raises
    ------
    BadInput
        When it is not there, or lacks these columns.
    """
    table = folder / "slices.csv"
    hint = "give a folder that `cryogauge score` wrote"
    try:
        scores = pd.read_csv(table, usecols=["tomogram", "z", "uncertainty"], dtype={"tomogram": str, "z": int})
    except FileNotFoundError as error:
        raise BadInput(f"{table} does not exist", hint) from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{table} is no table of scores: {error}", hint) from error
    return scores
