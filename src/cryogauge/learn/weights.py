"""Weights and their model cards: safetensors beside JSON, never a pickle."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryogauge.records import BadInput

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class ModelCard:
    """What one must know before trusting a network.

    Attributes
    ----------
    name, architecture
        The network's name and the arguments it is built with.
    recipe, data, seed, code_version
        How to make it again.
    accuracy
        Measured figures by name, each with the data it was measured on in the name.
    limits
        Sentences on where it must not be trusted.
    settings, tables
        Numbers inference needs: calibration, thresholds; and longer lists of them.
    """

    name: str
    architecture: dict[str, Any]
    recipe: str
    data: str
    seed: int
    code_version: str
    accuracy: dict[str, float] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    settings: dict[str, float] = field(default_factory=dict)
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)


def save_weights(model: "nn.Module", card: ModelCard, path: Path) -> None:
    """Write ``path`` (safetensors, half precision) and the card beside it (``.json``)."""
    import torch
    from safetensors.torch import save

    tensors = {
        name: tensor.detach().to(torch.float16 if tensor.is_floating_point() else tensor.dtype).contiguous()
        for name, tensor in model.state_dict().items()
    }
    part = path.with_suffix(".part")
    part.write_bytes(save(tensors))  # `save_file` makes a file that others cannot read
    part.replace(path)
    write_card(card, path)


def write_card(card: ModelCard, path: Path) -> None:
    """Write the card of a weights file beside it."""
    path.with_suffix(".json").write_text(json.dumps(asdict(card), indent=1, ensure_ascii=False) + "\n")


def load_weights(model: "nn.Module", path: Path) -> None:
    """Fill a network from a safetensors file.

    Raises
    ------
    BadInput
        When the file is missing, no safetensors, or made for another network.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    except FileNotFoundError as error:
        raise BadInput(f"there are no weights at {path}") from error
    except (SafetensorError, OSError) as error:
        raise BadInput(
            f"{path} is not a safetensors file: {error}", "weights are read from safetensors only"
        ) from error
    floats = {k: v.to(torch.float32) if v.is_floating_point() else v for k, v in tensors.items()}
    try:
        model.load_state_dict(floats)
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise BadInput(f"the weights in {path} belong to another network: {reason}") from error


def read_card(path: Path) -> ModelCard:
    """The card beside a weights file; raises ``BadInput`` when it is missing or incomplete."""
    card = path.with_suffix(".json")
    try:
        given = json.loads(card.read_text())
        return ModelCard(**{**given, "limits": tuple(given.get("limits", ()))})
    except FileNotFoundError as error:
        raise BadInput(f"the weights {path} have no model card {card.name} beside them", "copy both files") from error
    except (json.JSONDecodeError, TypeError) as error:
        raise BadInput(f"the model card {card} cannot be read: {error}") from error


def checksum(path: Path) -> str:
    """SHA-256 of a weights file, the first 16 digits."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise BadInput(f"there are no weights at {path}") from error
