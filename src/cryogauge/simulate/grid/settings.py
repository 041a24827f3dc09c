"""What a simulated grid is like: mesh, foil, ice, dirt, specimen."""

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

import numpy as np

from cryogauge.records import BadInput

#: What a square can be. Broken: the foil is torn, remnants hang at its bars. Empty: there never was any. Dry: foil
#: without ice. Thick: ice that nothing is seen through. Cracked: tears run through foil that is otherwise whole.
SQUARE_KINDS = ("intact", "broken", "dry", "thick", "empty", "cracked", "contaminated")
SPECIMENS = ("particles", "cells", "lamellae")
#: Radius of the part of a 3.05 mm grid that has squares.
GRID_RADIUS_UM = 1000.0
_PATTERN = re.compile(r"(?P<lattice>[RH])(?P<hole>\d+(\.\d+)?)/(?P<space>\d+(\.\d+)?)")
_FOIL_NM = {"carbon": 14.0, "gold": 50.0}


@dataclass(frozen=True)
class HolePattern:
    """Holes of a foil.

    Attributes
    ----------
    lattice
        ``square``, ``hexagonal`` or ``lacey``: holes of every size, on no lattice.
    hole_um
        Diameter; the mean one where lacey.
    pitch_um
        Distance between the centres of nearest neighbours; the mean one where lacey.
    """

    lattice: Literal["square", "hexagonal", "lacey"]
    hole_um: float
    pitch_um: float


def parse_pattern(text: str) -> HolePattern:
    """The pattern of a name as makers give it: ``R1.2/1.3`` (diameter/gap, µm, square), ``H0.3/0.3``, ``lacey``.

    Raises
    ------
    BadInput
        When it is no such name, or its holes could not be made.
    """
    if text == "lacey":
        return HolePattern("lacey", 2.4, 3.0)
    found = _PATTERN.fullmatch(text)
    if not found:
        raise BadInput(f"no foil is called {text!r}", "such as R1.2/1.3 or R2/2, H0.3/0.3 for a hexagonal one, lacey")
    hole, space = float(found["hole"]), float(found["space"])
    if not (0.1 <= hole <= 20 and 0.1 <= space <= 20):
        raise BadInput(f"holes of {hole:g} µm with gaps of {space:g} µm are on no foil", "give 0.1 to 20 µm each")
    return HolePattern("square" if found["lattice"] == "R" else "hexagonal", hole, hole + space)


@dataclass(frozen=True)
class GridSettings:
    """What a simulated grid is like. What is None is drawn by the seed.

    Attributes
    ----------
    mesh
        Squares per inch, 50 to 600.
    bar_um
        Width of the bars.
    rotation_deg
        Direction of the mesh's rows, counter-clockwise from +x to +y.
    warp_um
        How far squares are from their places on a perfect mesh, root mean square.
    pattern
        Name of the foil, see :func:`parse_pattern`.
    foil
        ``carbon`` or ``gold``.
    foil_nm
        Thickness of the foil.
    foil_rotation_deg
        Direction of the rows of holes against those of the mesh.
    ice_nm
        Thickness in the middle of a hole of a usual square, away from the bars. Near them, and in the pools of some
        squares, it is more, so that the median over a grid's holes is more.
    ice_gradient_nm, ice_square_nm, ice_hole_nm
        Standard deviations of the thickness: a slow change over the grid, from square to square, from hole to hole.
    meniscus_nm
        Thickness at the rim of a hole over that in its middle.
    edge_nm
        Thickness next to the bars over that away from them.
    broken, dry, thick, empty, cracked, contaminated
        Shares of the squares of each kind; the rest is intact.
    crystalline
        Share of the squares whose ice is crystalline in nine of ten holes; elsewhere it is so in one of a hundred.
    contamination
        Amount of ice crystals, ethane and dust; 1 is usual.
    specimen
        ``particles``, ``cells`` (on the foil), or ``lamellae`` (milled into such cells).
    particles_um2
        Particles per µm² of a hole with ice of 40 nm.
    particle_kDa, particle_symmetry
        Mass and point group of the particle that is made up.
    particle_map
        A density map (MRC) of which particles are, in its place.
    preferred
        Share of the particles in thin ice that lie in one of two views; in thick ice it falls to none.
    sound
        Share of the particles that the air-water interface leaves intact.

    Raises
    ------
    BadInput
        For values of which no grid can be made.
    """

    mesh: int = 300
    bar_um: float | None = None
    rotation_deg: float | None = None
    warp_um: float = 0.2
    pattern: str = "R1.2/1.3"
    foil: Literal["carbon", "gold"] = "carbon"
    foil_nm: float | None = None
    foil_rotation_deg: float | None = None
    ice_nm: float = 40.0
    ice_gradient_nm: float = 12.0
    ice_square_nm: float = 8.0
    ice_hole_nm: float = 4.0
    meniscus_nm: float = 12.0
    edge_nm: float = 60.0
    broken: float = 0.06
    dry: float = 0.05
    thick: float = 0.08
    empty: float = 0.02
    cracked: float = 0.06
    contaminated: float = 0.05
    crystalline: float = 0.03
    contamination: float = 1.0
    specimen: Literal["particles", "cells", "lamellae"] = "particles"
    particles_um2: float = 900.0
    particle_kDa: float = 460.0
    particle_symmetry: str = "D2"
    particle_map: Path | None = None
    preferred: float = 0.4
    sound: float = 0.8

    def __post_init__(self) -> None:
        parse_pattern(self.pattern)
        if not 50 <= self.mesh <= 600:
            raise BadInput(f"a mesh of {self.mesh} is on no grid", "give 50 to 600 squares an inch; usual are 200–400")
        if self.bar_um is not None and not 2 <= self.bar_um <= 0.8 * self.mesh_pitch_um:
            raise BadInput(
                f"bars of {self.bar_um:g} µm do not fit a mesh of {self.mesh}",
                f"its pitch is {self.mesh_pitch_um:.1f} µm: give 2 to {0.8 * self.mesh_pitch_um:.0f}",
            )
        if self.foil not in _FOIL_NM:
            raise BadInput(f"no foil is made of {self.foil!r}", f"one of: {', '.join(_FOIL_NM)}")
        if self.specimen not in SPECIMENS:
            raise BadInput(f"no specimen is called {self.specimen!r}", f"one of: {', '.join(SPECIMENS)}")
        for name in SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise BadInput(f"{name} is a share, {getattr(self, name):g} is none", "give 0 to 1")
        if sum(getattr(self, name) for name in SQUARE_KINDS[1:]) > 1:
            raise BadInput("the shares of the kinds of square add up to more than 1")
        for name in AMOUNTS:
            value = getattr(self, name)
            if value is not None and not 0 <= value < np.inf:
                raise BadInput(f"{name} of {value:g} cannot be", "give 0 or more")
        if not 10 <= self.particle_kDa <= 20_000:
            raise BadInput(f"no particle of {self.particle_kDa:g} kDa can be made up", "give 10 to 20,000")

    @property
    def mesh_pitch_um(self) -> float:
        """Distance between the middles of neighbouring squares."""
        return 25_400.0 / self.mesh

    @property
    def foil_thickness_nm(self) -> float:
        """That given, or the usual one of the material."""
        return _FOIL_NM[self.foil] if self.foil_nm is None else self.foil_nm


SHARES = (*SQUARE_KINDS[1:], "crystalline", "preferred", "sound")
AMOUNTS = (
    "warp_um", "foil_nm", "ice_nm", "ice_gradient_nm", "ice_square_nm", "ice_hole_nm", "meniscus_nm", "edge_nm",
    "contamination", "particles_um2",
)  # fmt: skip


def settings_from(values: dict[str, object]) -> GridSettings:
    """Settings from the values of a settings file.

    Raises
    ------
    BadInput
        For names that are none, or values of which no grid can be made.
    """
    known = {field.name for field in fields(GridSettings)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise BadInput(f"no setting of a grid is called {unknown[0]!r}", f"they are: {', '.join(sorted(known))}")
    chosen = dict(values)
    if chosen.get("particle_map"):
        chosen["particle_map"] = Path(str(chosen["particle_map"]))
    return GridSettings(**chosen)  # type: ignore[arg-type] values of a file; checked by what they become
