"""Labelled averages from where they lie: simulated sets, and people's labels."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cryogauge.io.classes import LabelledClasses, read_labelled_classes


def read_labelled(sources: Sequence[str], *, say: Callable[[str], None] = print) -> Iterator[LabelledClasses]:
    """The sets of all sources, one job at a time.

    Parameters
    ----------
    sources
        Folders that ``cryogauge simulate classes`` wrote, and labels that
        :func:`cryogauge.io.classes.read_labelled_classes` reads.
    say
        Told of each source how many jobs it holds.

    Raises
    ------
    BadInput
        When a source cannot be read.
    """
    for source in sources:
        folders = sorted(path.parent for path in Path(source).glob("job_*/truth.csv"))
        if folders:
            say(f"{source}: {len(folders)} simulated jobs")
            for folder in folders:
                yield _simulated(folder)
        else:
            yield from read_labelled_classes(source)


def _simulated(folder: Path) -> LabelledClasses:
    """A simulated job; what it shows is its own, whatever another job calls it."""
    from cryogauge.simulate.classes.batch import read_class_set

    made = read_class_set(folder)
    return LabelledClasses(made.stack, made.truth.assign(structure=f"{folder}/" + made.truth["structure"].astype(str)))
