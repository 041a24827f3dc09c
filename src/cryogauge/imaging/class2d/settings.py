"""What the built-in classifier is told."""

from dataclasses import dataclass

from cryogauge.records import BadInput

SHORTEST_BOX_PX = 16


@dataclass(frozen=True)
class ClassSettings:
    """How particles are classified.

    Attributes
    ----------
    classes
        How many averages to make.
    iterations
        Rounds of expectation and maximisation.
    mask_diameter_A
        Of the soft circle outside of which images count as background; nine tenths of the box unless given.
    finest_A, coarsest_A
        Resolution that alignment ends and begins with. Unless given, three pixels but not below 8 Å, and a quarter of
        the mask's diameter. The averages hold all frequencies.
    largest_shift_px
        How far particles may be from the middle of their box; a tenth of the box unless given.
    invert
        Whether averages are the negative of the particles; unless given, whatever makes them bright.
    seed
        The same seed, particles and settings give the same classes.

    Raises
    ------
    BadInput
        For numbers that nothing can be done with.
    """

    classes: int = 50
    iterations: int = 20
    mask_diameter_A: float | None = None
    finest_A: float | None = None
    coarsest_A: float | None = None
    largest_shift_px: float | None = None
    invert: bool | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.classes < 1 or self.iterations < 1:
            raise BadInput("classes and iterations must be 1 or more")
        lengths = (self.mask_diameter_A, self.finest_A, self.coarsest_A)
        if any(length is not None and not length > 0 for length in lengths):
            raise BadInput("diameters and resolutions must be positive, in Å")
        if self.largest_shift_px is not None and not self.largest_shift_px >= 0:
            raise BadInput(f"a largest shift of {self.largest_shift_px:g} pixels is none", "give 0 or more")


@dataclass(frozen=True)
class Plan:
    """Settings made out for particles of one box and pixel size.

    Attributes
    ----------
    box_px, pixel_size_A
        Of the particles.
    radius_px
        Of the mask.
    rings
        Fourier rings that alignment uses, by iteration: growing.
    largest_shift_px
        As in the settings.
    """

    box_px: int
    pixel_size_A: float
    radius_px: float
    rings: tuple[int, ...]
    largest_shift_px: float

    def resolution_A(self, rings: int) -> float:
        """Of the last of so many rings."""
        return self.box_px * self.pixel_size_A / rings


def make_plan(box_px: int, pixel_size_A: float, settings: ClassSettings) -> Plan:
    """Make settings out for particles.

    Rings grow evenly from the coarsest resolution to the finest over the first 60 % of the iterations.

    Raises
    ------
    BadInput
        When the box is too small, the pixel size not positive, or the mask does not fit.
    """
    if box_px < SHORTEST_BOX_PX:
        raise BadInput(
            f"particles of {box_px} pixels are too small to be aligned", f"give boxes of {SHORTEST_BOX_PX} px or more"
        )
    if not pixel_size_A > 0:
        raise BadInput(f"a pixel size of {pixel_size_A:g} Å is not positive")
    edge_A = box_px * pixel_size_A
    diameter_A = settings.mask_diameter_A or min(0.9 * box_px, box_px - 4) * pixel_size_A
    radius_px = diameter_A / pixel_size_A / 2
    if not 4 <= radius_px <= box_px / 2 - 1 + 1e-6:  # a diameter in Å is no exact multiple of the pixel
        raise BadInput(
            f"a mask of {diameter_A:.4g} Å does not fit in a box of {edge_A:.4g} Å",
            "its edge must be two pixels within the box; 80 to 90 % of the box is usual",
        )
    most = int(0.45 * box_px)
    finest = min(max(int(edge_A / (settings.finest_A or max(3 * pixel_size_A, 8.0))), 3), most)
    coarsest = min(max(int(edge_A / (settings.coarsest_A or diameter_A / 4)), 3), finest)
    growing = max(round(0.6 * settings.iterations) - 1, 1)
    rings = tuple(
        round(coarsest + (finest - coarsest) * min(k / growing, 1.0)) if settings.iterations > 1 else finest
        for k in range(settings.iterations)
    )
    shift = 0.1 * box_px if settings.largest_shift_px is None else settings.largest_shift_px
    return Plan(box_px, float(pixel_size_A), float(radius_px), rings, float(shift))
