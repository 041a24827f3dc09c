"""The paper's start: ResNet101's ImageNet weights in torchvision's names, for a network of one grey channel."""

from pathlib import Path
from typing import TYPE_CHECKING

from cryogauge.records import BadInput

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Of the thousand classes of ImageNet; a slice has one score.
_DROPPED = ("fc.weight", "fc.bias")
_COUNTER = "num_batches_tracked"


def start_from_imagenet(network: "nn.Module", path: Path) -> None:
    """Fill :func:`cryogauge.score.network.resnet101` from a safetensors file in torchvision's names.

    Our names are torchvision's behind ``body.``. The first convolution's weights are summed over the three colours:
    a grey picture is one with three equal colours, and the sum answers to its one channel exactly as the three did.
    (Their mean would answer with a third.) ``fc`` is left out and keeps its random start; the convolutions beside the
    identity have a bias in our network, which becomes 0; counters of batches, which nothing uses, may be missing.

    Parameters
    ----------
    network
        Filled in place.
    path
        The file. PyTorch's own format is a pickle and is not read: ``safetensors.torch.save_file`` writes the
        ``state_dict()`` of torchvision's ``resnet101`` as one.

    Raises
    ------
    BadInput
        When the file is missing or no safetensors, or keys or shapes are not those of a ResNet101.
    """
    import torch

    given = _read(path)
    wanted = {name.removeprefix("body."): tensor for name, tensor in network.state_dict().items()}
    colours = given.get("conv1.weight")
    if colours is not None and colours.ndim == 4 and colours.shape[1] == 3:
        given["conv1.weight"] = colours.sum(dim=1, keepdim=True)
    mapped: dict[str, Tensor] = {}
    for name, own in wanted.items():
        if name in _DROPPED or (name not in given and name.endswith(_COUNTER)):
            mapped[name] = own
        elif name not in given and name.endswith("downsample.0.bias"):
            mapped[name] = torch.zeros_like(own)
        elif name not in given:
            raise _foreign(path, f"it has no {name}")
        elif given[name].shape != own.shape:
            raise _foreign(path, f"{name} is {tuple(given[name].shape)}, not {tuple(own.shape)}")
        else:
            mapped[name] = given[name].to(own.dtype)
    extra = sorted(given.keys() - wanted.keys())
    if extra:
        raise _foreign(path, f"it has {extra[0]}, which a ResNet101 has not")
    network.load_state_dict({f"body.{name}": tensor for name, tensor in mapped.items()})


def _read(path: Path) -> "dict[str, Tensor]":
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except FileNotFoundError as error:
        raise BadInput(f"there are no weights at {path}") from error
    except (SafetensorError, OSError) as error:
        hint = "weights are read from safetensors only"
        raise BadInput(f"{path} is not a safetensors file: {error}", hint) from error


def _foreign(path: Path, why: str) -> BadInput:
    return BadInput(
        f"{path} does not hold the weights of torchvision's ResNet101: {why}", "give those of models.resnet101"
    )
