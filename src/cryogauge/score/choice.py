"""Choosing tomograms of the CryoET Data Portal for human labels, as the TomoScore paper chose its own.

"We … searched for tomograms of sizes larger than 800*800 pixels and of magnifications smaller than 50 Å/pixel but
larger than 5 Å/pixel. We randomly picked 15 tomograms from each eukaryotic species and 3 tomograms from prokaryotic
species." What that leaves open is decided here and said in each row of the table.
"""

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cryogauge.io.portal import PortalTomogram
from cryogauge.records import BadInput
from cryogauge.score.organisms import Domain, domain_of

#: Processings in the order wanted: the network is to see the noise that the microscope left.
_PROCESSINGS = ("raw", "filtered", "denoised")
_HALVES = ("filtered_even", "filtered_odd")
#: Samples that hold no cell, and why they are refused.
_NO_CELLS = {"in_silico": "simulated", "in_vitro": "a purified sample, no cell", "virus": "a virus, no cell"}


@dataclass(frozen=True)
class Selection:
    """Which tomograms are wanted; the defaults are the paper's.

    Attributes
    ----------
    per_eukaryote, per_prokaryote
        How many of each species.
    min_size_px
        Width and height must be larger.
    pixel_size_A
        The pixel size must lie between these, and be neither.
    organisms
        Names of species as the portal writes them; all where empty.
    seed
        Of the draw.

    Raises
    ------
    BadInput
        When a value cannot be.
    """

    per_eukaryote: int = 15
    per_prokaryote: int = 3
    min_size_px: int = 800
    pixel_size_A: tuple[float, float] = (5.0, 50.0)
    organisms: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.per_eukaryote, self.per_prokaryote, self.min_size_px) < 0:
            raise BadInput("numbers of tomograms and pixels cannot be negative")
        low, high = self.pixel_size_A
        if not (math.isfinite(low) and math.isfinite(high) and 0 <= low < high):
            raise BadInput(f"pixel sizes from {low:g} to {high:g} Å are no range", "give two numbers such as 5,50")


@dataclass(frozen=True)
class Choice:
    """What was decided about one tomogram.

    Attributes
    ----------
    tomogram
        The tomogram.
    domain
        ``eukaryote``, ``prokaryote``, ``virus`` or ``unknown``; the unknown count as eukaryotes.
    verdict
        ``chosen``, ``too_small``, ``pixel_size``, ``no_zarr``, ``no_organism``, ``no_cell``, ``half``, ``same_run`` or
        ``surplus``.
    reason
        The same in words, with numbers.
    """

    tomogram: PortalTomogram
    domain: Domain
    verdict: str
    reason: str


def choose(
    tomograms: Iterable[PortalTomogram], selection: Selection, domains: Mapping[str, Domain] | None = None
) -> list[Choice]:
    """Decide about every tomogram.

    Of one run, one tomogram can be chosen: the least processed (raw, then filtered, then denoised), among equals the
    authors' own, then the lowest number. Of one species, runs are taken in the order of a hash of the seed and the
    run, so that a tomogram added to the portal can take a place but reshuffles nothing.

    Parameters
    ----------
    tomograms
        The catalogue.
    selection
        What is wanted.
    domains
        Domains that the shipped table does not know or has wrong, from ``organisms.read_domains``.

    Returns
    -------
    list
        One choice a tomogram: those chosen first, by species and in the order drawn, then the rest by species and
        number.
    """
    refused: list[Choice] = []
    runs: dict[tuple[int, str], list[PortalTomogram]] = defaultdict(list)
    domain: dict[int, Domain] = {}
    for tomogram in tomograms:
        domain[tomogram.id] = domain_of(tomogram.organism, tomogram.taxid, domains)
        found = _refusal(tomogram, domain[tomogram.id], selection)
        if found:
            refused.append(Choice(tomogram, domain[tomogram.id], *found))
        else:
            runs[tomogram.dataset_id, tomogram.run].append(tomogram)
    species: dict[tuple[str, Domain], list[PortalTomogram]] = defaultdict(list)
    for same_run in runs.values():
        best, *others = sorted(same_run, key=_preference)
        species[_species(best), domain[best.id]].append(best)
        reason = f"another reconstruction of the run of {best.id}, which is {_described(best)}"
        refused += [Choice(other, domain[other.id], "same_run", reason) for other in others]
    chosen: list[Choice] = []
    for (_, of_domain), candidates in sorted(species.items()):
        candidates.sort(key=lambda tomogram: _order(tomogram, selection.seed))
        wanted = selection.per_prokaryote if of_domain == "prokaryote" else selection.per_eukaryote
        for place, tomogram in enumerate(candidates, 1):
            drawn = f"number {place} of {len(candidates)} drawn of {tomogram.organism} ({of_domain})"
            if place <= wanted:
                chosen.append(Choice(tomogram, of_domain, "chosen", drawn))
            else:
                refused.append(Choice(tomogram, of_domain, "surplus", f"{drawn}; {wanted} are wanted"))
    return chosen + sorted(refused, key=lambda each: (_species(each.tomogram), each.tomogram.id))


def output_name(tomogram: PortalTomogram) -> str:
    """What a tomogram is called in the output: dataset and run, in letters that every file system takes."""
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "+-_") else "_" for c in tomogram.run)[:80]
    name = f"{tomogram.dataset_id}-{safe}"
    if safe == tomogram.run:
        return name
    return f"{name}-{hashlib.sha256(tomogram.run.encode()).hexdigest()[:6]}"  # two odd names may look alike


def _refusal(tomogram: PortalTomogram, domain: Domain, selection: Selection) -> tuple[str, str] | None:
    """Verdict and reason for what no draw can choose."""
    low, high = selection.pixel_size_A
    _, y, x = tomogram.shape
    least = selection.min_size_px
    if min(y, x) <= least:
        return "too_small", f"{x} × {y} px is not larger than {least} × {least}"
    if not low < tomogram.voxel_size_A < high:
        return "pixel_size", f"{tomogram.voxel_size_A:g} Å is not between {low:g} and {high:g} Å"
    if not tomogram.organism:
        return "no_organism", "the portal names no organism"
    if tomogram.sample_type in _NO_CELLS:
        return "no_cell", _NO_CELLS[tomogram.sample_type]
    if domain == "virus":
        return "no_cell", _NO_CELLS["virus"]
    if tomogram.processing in _HALVES:
        return "half", "reconstructed from half of the data"
    if not tomogram.uri.startswith(("https://", "http://")):
        return "no_zarr", "the portal gives no address of an OME-Zarr image"
    return None


def _preference(tomogram: PortalTomogram) -> tuple[int, bool, int]:
    """Smallest first."""
    known = tomogram.processing in _PROCESSINGS
    place = _PROCESSINGS.index(tomogram.processing) if known else len(_PROCESSINGS)
    return place, not tomogram.is_author_submitted, tomogram.id


def _described(tomogram: PortalTomogram) -> str:
    return f"{tomogram.processing} and {'of the authors' if tomogram.is_author_submitted else 'not of the authors'}"


def _species(tomogram: PortalTomogram) -> str:
    """Subspecies and spellings share a number only where the portal gave them one, so the name decides."""
    return " ".join(tomogram.organism.lower().split())


def _order(tomogram: PortalTomogram, seed: int) -> str:
    return hashlib.sha256(f"{seed}\0{tomogram.dataset_id}\0{tomogram.run}".encode()).hexdigest()
