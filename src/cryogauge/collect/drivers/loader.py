"""A grid loader whose program does not tell which grid is in the column: the slot of that one reads as empty."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cryogauge.records.faults import LoaderFault
from cryogauge.records.microscope import Slot


@dataclass
class Loader:
    """What is known of a loader, and how a grid is loaded.

    Attributes
    ----------
    read
        Whether a grid is in a slot, ``None`` where the program does not know; and what the operator called it.
    valves
        Opens or closes the column.
    bring
        Has the program load from a slot, putting back what is in the column.
    loaded
        Slot whose grid is in the column, 0 when none or unknown.
    """

    read: Callable[[int], tuple[bool | None, str]]
    valves: Callable[[bool], object]
    bring: Callable[[int], object]
    loaded: int = 0

    def slots(self, numbers: Iterable[int]) -> list[Slot]:
        """See :class:`Microscope`."""
        return [self._slot(number) for number in numbers]

    def load(self, slot: int, numbers: range) -> None:
        """See :class:`Microscope`. The column is closed for it and opened afterwards.

        Raises
        ------
        LoaderFault
            When there is no such slot or no grid in it, or the grid stays in its slot.
        """
        if slot not in numbers:
            raise LoaderFault(f"the loader has no slot {slot}", f"its slots are 1 to {numbers.stop - 1}")
        there = self._slot(slot)
        if there.loaded:
            return
        if not there.occupied:
            raise LoaderFault(
                f"the loader finds no grid in slot {slot}",
                "run an inventory; where the grid is in the column already, put it back, or give its slot as loaded",
            )
        self.valves(False)
        self.loaded = 0
        self.bring(slot)
        if self.read(slot)[0]:
            raise LoaderFault(f"the grid of slot {slot} is still in its slot", "see to the loader")
        self.loaded = slot
        self.valves(True)

    def _slot(self, number: int) -> Slot:
        """An empty slot is that of the grid in the column, unless another's is; a full one is not, whoever says so."""
        occupied, name = self.read(number)
        if number == self.loaded and not occupied:
            return Slot(number, True, True, name)
        unknown = occupied is False and not self.loaded
        return Slot(number, None if unknown else occupied, False, name)
