"""A round of labelling: these averages, anybody who comes, everybody in an order of their own."""

import io
from collections.abc import Sequence

import numpy as np

from cryogauge.classes.labels.store import ClassLabelStore, LabelImage, images_of
from cryogauge.jobs.turns import Progress, Showing, Turns
from cryogauge.records import BadInput, ClassStack
from cryogauge.report.pictures import grey_levels


class ClassLabelSession:
    """What a page or a program needs to have averages labelled; safe to use from several threads.

    Parameters
    ----------
    store
        Where the labels go.
    stacks
        The averages to be labelled; of each job nearly as many are shown at any time.
    files
        Where labels say that each stack lies, in place of its source.
    consent
        What a person must agree to; None where grades are for nobody else.
    seed
        The same seed, averages and names give the same orders.
    """

    def __init__(
        self,
        store: ClassLabelStore,
        stacks: Sequence[ClassStack],
        *,
        files: Sequence[str] = (),
        consent: str | None = None,
        seed: int = 0,
    ) -> None:
        self.store = store
        self.consent = consent
        known = [images_of(stack, file) for stack, file in zip(stacks, files or [""] * len(stacks), strict=True)]
        ids = store.add_images([each for images in known for each in images])
        self.images: dict[int, LabelImage] = {}
        self._pictures: dict[int, np.ndarray] = {}
        groups: dict[int, str] = {}
        for number, (stack, images) in enumerate(zip(stacks, known, strict=True)):
            for each, picture in zip(images, stack.images, strict=True):
                if np.isfinite(picture).all() and np.ptp(picture) > 0:  # nothing else can be seen
                    key = ids[each.content]
                    self.images[key], self._pictures[key], groups[key] = each, picture, str(number)
        if not self.images:
            raise BadInput("there is no average to label: all are empty or no numbers", "give other files")
        self._turns = Turns(groups, {}, seed=seed)

    def upcoming(self, annotator: str, count: int) -> list[Showing]:
        """The next averages to show somebody, ``count`` at most; none when all are labelled."""
        return self._turns.upcoming(annotator, self.store.labelled(annotator), count)

    def progress(self, annotator: str) -> Progress:
        """How far somebody is with these averages."""
        return self._turns.progress(annotator, self.store.labelled(annotator))

    def label(self, annotator: str, showing: Showing, grade: float, *, seconds: float, agreed: bool = False) -> bool:
        """Keep a grade; False when there is one already.

        Raises
        ------
        BadInput
            For an average that is not to be labelled, a grade outside of the rubric's, or without the consent.
        """
        if showing not in self._turns.order(annotator):
            raise BadInput("this average is not among those to be labelled", "load the page again")
        if self.consent is not None and not agreed:
            raise BadInput("without consent no grade is kept", "tick the box under your name")
        return self.store.add(
            showing.item, annotator, grade, seconds=seconds, repeat=showing.repeat, consent=self.consent
        )

    def undo(self, annotator: str) -> Showing | None:
        """Take somebody's last label of these averages back; which it was, or None when there is none."""
        for image_id, repeat in reversed(self.store.labelled(annotator)):
            if image_id in self.images:
                self.store.remove(image_id, annotator, repeat=repeat)
                return Showing(image_id, repeat)
        return None

    def png(self, image_id: int) -> bytes:
        """An average as a grey PNG of its own size; raises ``BadInput`` where there is no such."""
        if image_id not in self.images:
            raise BadInput("there is no such average", "load the page again")
        return png_of(self._pictures[image_id])


def png_of(picture: np.ndarray) -> bytes:
    """Values ``(y, x)`` as a grey PNG of the same size."""
    from PIL import Image

    buffer = io.BytesIO()
    levels = grey_levels(np.asarray(picture, dtype=np.float32))
    Image.fromarray(levels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
