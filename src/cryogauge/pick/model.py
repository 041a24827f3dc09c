"""A trained picker: networks of one preset, the kinds they know, and the scores from which picks are kept."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryogauge.learn.weights import ModelCard, checksum, load_weights, read_card, save_weights
from cryogauge.pick.networks import NetworkPlan, build
from cryogauge.pick.patches import Augmentation, Sampling
from cryogauge.pick.peaks import Picking
from cryogauge.pick.presets import Preset
from cryogauge.pick.robust.plan import Robust
from cryogauge.pick.training import outputs_of
from cryogauge.records import BadInput, PickObject

if TYPE_CHECKING:
    from torch import nn

#: What the card of a picker's weights is called by.
NAME = "picker"
#: Tomograms may be sampled this much finer or coarser than those that were learned from.
VOXEL_TOLERANCE = 0.05


@dataclass(frozen=True)
class Picker:
    """What picks are found with.

    Attributes
    ----------
    networks
        One or several of a preset, averaged.
    preset, objects, voxel_size_A
        What they were trained by.
    thresholds
        Lowest score of a pick by kind; kinds without one keep all.
    checksums
        Of the weights.
    """

    networks: "tuple[nn.Module, ...]"
    preset: Preset
    objects: tuple[PickObject, ...]
    voxel_size_A: float
    thresholds: dict[str, float]
    checksums: tuple[str, ...]

    @property
    def uncut(self) -> tuple[str, ...]:
        """Kinds without a threshold."""
        return tuple(each.name for each in self.objects if each.name not in self.thresholds)

    def check_voxel_size(self, voxel_size_A: float) -> None:
        """Raise ``BadInput`` for tomograms sampled otherwise than those that were learned from."""
        if abs(voxel_size_A / self.voxel_size_A - 1) > VOXEL_TOLERANCE:
            raise BadInput(
                f"its voxels are {voxel_size_A:g} Å; the network learned from {self.voxel_size_A:g} Å",
                f"bin or rescale it to {self.voxel_size_A:g} Å, or train a network at its own voxel size",
            )


def save_picker(network: "nn.Module", card: ModelCard, path: Path) -> None:
    """Write weights and card, see :func:`picker_card`; the network stays on its device."""
    save_weights(network, card, path)


def picker_card(
    preset: Preset,
    objects: Sequence[PickObject],
    voxel_size_A: float,
    thresholds: dict[str, float],
    **about: Any,
) -> ModelCard:
    """The card of a picker's weights; ``about`` are the rest of :class:`cryogauge.learn.weights.ModelCard`."""
    return ModelCard(
        name=NAME,
        architecture=asdict(preset),
        settings={"voxel_size_A": voxel_size_A},
        tables={"objects": {each.name: asdict(each) for each in objects}, "thresholds": dict(thresholds)},
        **about,
    )


def load_picker(paths: Sequence[Path], device: str = "cpu") -> Picker:
    """A picker from one or several files of weights of the same preset, kinds and voxel size.

    Several are averaged; their thresholds too.

    Raises
    ------
    BadInput
        When a file is missing, holds no picker, or does not go with the first.
    """
    import torch

    if not paths:
        raise BadInput("no weights to pick with", "give a .safetensors file that `cryogauge train picker` wrote")
    cards = [read_card(path) for path in paths]
    for path, card in zip(paths, cards, strict=True):
        if card.name != NAME:
            raise BadInput(f"the weights {path} are of {card.name}, not of a picker", "give those of a picker")
        if (card.architecture, card.tables.get("objects"), card.settings) != (
            cards[0].architecture, cards[0].tables.get("objects"), cards[0].settings,
        ):  # fmt: skip
            raise BadInput(
                f"{path} and {paths[0]} were not trained alike", "average pickers of one preset, kinds and voxel size"
            )
    try:
        preset = _preset(cards[0].architecture)
        objects = tuple(PickObject(**each) for each in cards[0].tables["objects"].values())
        voxel_size_A = float(cards[0].settings["voxel_size_A"])
        each_has = [card.tables.get("thresholds", {}) for card in cards]
        thresholds = {
            name: sum(float(table[name]) for table in each_has) / len(each_has)
            for name in each_has[0]
            if all(name in table for table in each_has)
        }
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"the card of {paths[0]} is incomplete: {error}", "train it again, or mend the card") from error
    networks = []
    for path in paths:
        network = build(preset.network, outputs_of(preset, objects))
        load_weights(network, path)
        network = network.eval().to(device)
        networks.append(network.to(memory_format=torch.channels_last_3d))  # pyright: ignore[reportCallIssue] no stub
    return Picker(tuple(networks), preset, objects, voxel_size_A, thresholds, tuple(checksum(path) for path in paths))


def _preset(plain: dict[str, Any]) -> Preset:
    """A preset from what ``asdict`` and JSON leave of it."""
    network, sampling, augmentation = plain["network"], plain["sampling"], plain["augmentation"]
    architecture = {
        name: tuple(value) if isinstance(value, list) else value for name, value in network["architecture"].items()
    }
    return Preset(
        **{
            **plain,
            "network": NetworkPlan(**{**network, "architecture": architecture}),
            "sampling": Sampling(**{**sampling, "patch_px": tuple(sampling["patch_px"])}),
            "augmentation": Augmentation(**{**augmentation, "blur_px": tuple(augmentation["blur_px"])}),
            "picking": Picking(**plain["picking"]),
            "robust": Robust(**plain["robust"]) if plain.get("robust") else None,
        }
    )
