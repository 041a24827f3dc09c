"""Examples of each letter, for people who grade: simulated averages, graded by what they were made of."""

import threading
from functools import cache

import numpy as np

from cryogauge.records.classes import RUBRIC
from cryogauge.simulate.classes import ClassSetSettings, make_class_set

#: Examples of each letter, and the edge in pixels of the averages they are taken from.
OF_EACH = 3
_BOX_PX = 72
_MOST_JOBS = 12


_ONE_AT_A_TIME = threading.Lock()


def example_strip(letter: str) -> np.ndarray:
    """The examples of a letter side by side, each stretched to values 0–1, ``(y, OF_EACH · y)``; made once.

    Raises
    ------
    KeyError
        For a letter that the rubric has not.
    """
    with _ONE_AT_A_TIME:  # people who come at once must not all make them
        return np.hstack([_stretched(image) for image in example_averages()[letter]])


def _stretched(image: np.ndarray) -> np.ndarray:
    low, high = np.percentile(image, (0.5, 99.5))
    return np.clip((image - low) / (high - low or 1.0), 0.0, 1.0)


@cache
def example_averages(seed: int = 0) -> dict[str, list[np.ndarray]]:
    """Averages by letter of the rubric, ``OF_EACH`` of each, of grades close to the letter's; made once.

    Returns
    -------
    ``{letter: averages (y, x)}``.
    """
    settings = ClassSetSettings(classes=(20, 20), box_px=(_BOX_PX, _BOX_PX))
    found: dict[str, list[np.ndarray]] = {letter: [] for letter in RUBRIC}
    for job in range(_MOST_JOBS):
        made = make_class_set(settings, seed + job)
        for image, grade in zip(made.stack.images, made.truth["grade"], strict=True):
            letter = min(RUBRIC, key=lambda name: abs(RUBRIC[name][0] - grade))
            if abs(RUBRIC[letter][0] - grade) < 0.3 and len(found[letter]) < min(OF_EACH, job + 1):
                found[letter].append(image)
        if all(len(images) == OF_EACH for images in found.values()):
            break
    return found
