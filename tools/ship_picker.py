"""Put a picker that was taught by ``make train-picker`` into the package: ``python -m tools.ship_picker FOLDER``."""

import sys
from dataclasses import replace
from pathlib import Path

from cryogauge.learn.weights import ModelCard, read_card, write_card
from cryogauge.pick.shipped import SHIPPED, picker_weights
from cryogauge.pick.train import WEIGHTS

#: What anyone must know before trusting it.
_LIMITS = (
    "Trained on simulated tomograms only: generated look-alikes of the six species, the CZII challenge's imaging. "
    "It has seen no real tomogram, and how it does on one is not known.",
    "Voxels of 10 Å and back-projected tomograms, protein dark; denoised ones look otherwise.",
    "It knows these six species and calls others by their names.",
)


def ship(folder: Path) -> ModelCard:
    """Copy weights and card; the card says what they were taught by."""
    weights, target = folder / WEIGHTS, picker_weights(SHIPPED)
    card = read_card(weights)
    card = replace(
        card,
        data=f"{card.limits[0].removeprefix('Learned from ').removesuffix('.')}, of `cryogauge simulate phantom`",
        limits=(*_LIMITS, *card.limits[1:]),
    )
    target.write_bytes(weights.read_bytes())
    write_card(card, target)
    return card


if __name__ == "__main__":
    print(ship(Path(sys.argv[1])).data)
