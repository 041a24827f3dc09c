"""The grader that comes with the package."""

from pathlib import Path

#: Learned from simulated averages alone.
SHIPPED = "class-grader"
_FOLDER = Path(__file__).parent.parent / "weights"


def grader_weights(model: Path | None) -> Path:
    """Where a grader's weights lie: those that come with the package, or a file of one's own."""
    return _FOLDER / f"{SHIPPED}.safetensors" if model is None else Path(model)
