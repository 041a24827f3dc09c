"""What is picked: the kinds of particles of a project, and those of the CZII challenge."""

from dataclasses import dataclass

from cryogauge.records.errors import BadInput


@dataclass(frozen=True)
class PickObject:
    """One kind of particle.

    Attributes
    ----------
    name
        As in copick: letters, digits and hyphens.
    label
        Its value in segmentations, from 1; 0 is the background.
    radius_A
        Radius of the particle.
    weight
        What it counts in a challenge's mean over kinds; 0 for none.
    identifier
        Where its map is found, such as ``EMD-3883``; empty where unknown.
    """

    name: str
    label: int
    radius_A: float
    weight: float = 1.0
    identifier: str = ""

    def __post_init__(self) -> None:
        if not self.name or not all(letter.isalnum() or letter == "-" for letter in self.name):
            raise BadInput(f"an object cannot be called {self.name!r}", "use letters, digits and hyphens")
        if self.label < 1:
            raise BadInput(f"{self.name} has the label {self.label}", "labels count from 1; 0 is the background")
        if not self.radius_A > 0:
            raise BadInput(f"{self.name} has a radius of {self.radius_A:g} Å", "give its radius in Å")
        if not self.weight >= 0:
            raise BadInput(f"{self.name} has the weight {self.weight:g}", "a weight is 0 or more")


#: The six kinds of the CZII challenge: radii and weights of its public metric, labels of its copick project, and the
#: maps of the paper's Table 1.
CZII_OBJECTS = (
    PickObject("apo-ferritin", 1, 60.0, 1.0, "EMD-41923"),
    PickObject("beta-amylase", 2, 65.0, 0.0, "EMD-30405"),
    PickObject("beta-galactosidase", 3, 90.0, 2.0, "EMD-0153"),
    PickObject("ribosome", 4, 150.0, 1.0, "EMD-3883"),
    PickObject("thyroglobulin", 5, 130.0, 2.0, "EMD-24181"),
    PickObject("virus-like-particle", 6, 135.0, 1.0, "EMD-41917"),
)
