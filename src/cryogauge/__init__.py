"""cryogauge judges cryo-EM and cryo-ET data at the stages at which people judge by eye.

``score_tomogram`` says how small a feature can be told apart in each slice of a tomogram; ``open_volume`` opens
what tomographers have without reading all of it. Both are loaded when first used: importing ``cryogauge`` is cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryogauge.io import open_volume
    from cryogauge.score import score_tomogram

__version__ = "0.1.0.dev0"
__all__ = ["__version__", "open_volume", "score_tomogram"]

_HOMES = {"open_volume": "cryogauge.io", "score_tomogram": "cryogauge.score"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cryogauge' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
