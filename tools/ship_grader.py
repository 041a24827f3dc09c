"""Put a taught class grader into the package: ``python -m tools.ship_grader FOLDER [FIRST]``.

``FIRST`` are the weights, beside their card, that the training began from, where it did.
"""

import sys
from dataclasses import replace
from pathlib import Path

from cryogauge.classes.shipped import grader_weights
from cryogauge.classes.train import ORDER, WEIGHTS
from cryogauge.io.json_file import read_json_file
from cryogauge.learn.weights import ModelCard, checksum, read_card, write_card

#: What anyone must know before trusting it.
_LIMITS = (
    "Trained on simulated averages only, graded by comparison with what they should show. No real average and no "
    "person's grade was learned from, and how it agrees with people is not known.",
    "Aggregates and ice that look like a particle get too good grades, clumps no wider than a particle most.",
    "Of the few real averages at hand, a microtubule whose lattice is faint between bright walls gets a grade a letter "
    "and a half too strict by eye; those with white noise up to half a letter.",
    "Negative stain, tilted or subtracted particles and nanodiscs seen from the side were not simulated as such.",
)


def ship(folder: Path, first: Path | None = None) -> ModelCard:
    """Copy weights and card; the card says what they were taught by, in every stage.

    Raises
    ------
    ValueError
        When the training began from other weights than ``first``.
    """
    weights, target = folder / WEIGHTS, grader_weights(None)
    begun = read_json_file(folder / ORDER, "give the folder of a training")["start"]
    if begun != (None if first is None else checksum(first)):
        raise ValueError(f"{folder} did not begin from {first}")
    card = read_card(weights)
    data = f"{card.limits[0].removeprefix('Learned from ').removesuffix('.')}, of `cryogauge simulate classes`"
    if first is not None:
        data += f"; begun from weights of seed {read_card(first).seed} that had learned from {read_card(first).data}"
    card = replace(card, data=data, limits=(*_LIMITS, *card.limits[1:]))
    target.write_bytes(weights.read_bytes())
    write_card(card, target)
    return card


if __name__ == "__main__":
    print(ship(*(Path(each) for each in sys.argv[1:])).data)
