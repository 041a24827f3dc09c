"""The picker that comes with the package."""

from pathlib import Path

from cryogauge.records import BadInput

#: The challenge's six species at 10 Å, learned from simulated tomograms alone.
SHIPPED = "czii"
_FOLDER = Path(__file__).parent.parent / "weights"


def picker_weights(model: str) -> Path:
    """Where a model's weights lie: ``czii``, which comes with the package, or a file of one's own.

    Raises
    ------
    BadInput
        For a name that is neither.
    """
    if model == SHIPPED:
        return _FOLDER / f"{SHIPPED}.safetensors"
    if Path(model).suffix != ".safetensors":
        raise BadInput(
            f"no picker is called {model!r}", f"give {SHIPPED}, or a .safetensors file of `cryogauge train picker`"
        )
    return Path(model)
