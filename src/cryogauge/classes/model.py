"""A trained grader: its network, how sure it is of its grades, and what it knows."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cryogauge.classes.framing import Framing
from cryogauge.classes.network import build
from cryogauge.classes.prepare import framed, published
from cryogauge.classes.presets import Preset
from cryogauge.learn.weights import ModelCard, checksum, load_weights, read_card, save_weights
from cryogauge.records import REASONS, BadInput

if TYPE_CHECKING:
    from torch import Tensor, nn

#: What the card of a grader's weights is called by.
NAME = "class-grader"
_BATCH = 32  # classes at a time, each in all its views


@dataclass(frozen=True)
class Grader:
    """What classes are graded with.

    Attributes
    ----------
    network, preset
        As they were trained.
    spread
        What the network's own standard deviation is multiplied by to be one.
    domain
        Mean, inverse covariance and limit of what it saw when it learned; empty where that was not kept.
    checksum
        Of the weights.
    """

    network: "nn.Module"
    preset: Preset
    spread: float
    domain: dict[str, Any]
    checksum: str


@dataclass(frozen=True)
class Predicted:
    """What a grader says of classes; arrays have an entry a class.

    Attributes
    ----------
    grade, spread
        The grade and the network's standard deviation of it, before calibration: its own and that among views together.
    reasons
        Probabilities ``(class, reason)``; NaN from a network that names none.
    inside
        ``(class, …)``: what it saw, as numbers.
    """

    grade: np.ndarray
    spread: np.ndarray
    reasons: np.ndarray
    inside: np.ndarray


def prepared(preset: Preset, images: np.ndarray, framing: Framing, *, margin: float = 1.0) -> np.ndarray:
    """Averages as a preset's network is shown them, ``(class, edge, edge)``; with a margin to learn from."""
    if preset.network == "cryosift":
        return published(images, framing=framing)
    return framed(images, round(preset.edge_px * margin), framing=framing, reach=margin)


def predict(
    network: "nn.Module",
    preset: Preset,
    frames: np.ndarray,
    features: np.ndarray,
    missing: np.ndarray,
    *,
    on_batch: Callable[[int], None] = lambda count: None,
) -> Predicted:
    """Grades of prepared averages, the mean over turns by 45°, every other one mirrored, where the preset has it.

    Parameters
    ----------
    network
        In evaluation mode, on the device where it is to run.
    frames, features, missing
        ``(class, edge, edge)`` and twice ``(class, 7)``.
    on_batch
        Told of each batch how many classes it had.
    """
    import torch

    device = next(network.parameters()).device
    network = network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] no stub

    def graded(start: int) -> list[np.ndarray]:
        batch = slice(start, start + _BATCH)
        shown = torch.from_numpy(np.ascontiguousarray(frames[batch]))[:, None].to(device)
        told = torch.from_numpy(features[batch]).to(device), torch.from_numpy(missing[batch]).to(device)
        with torch.inference_mode():
            views = _views(shown) if preset.symmetries else [shown]
            said = [network(view, *told) for view in views]
            grades = torch.stack([each.grade for each in said])
            variance = torch.stack([each.log_variance.exp() for each in said]).mean(0)
            spread = (variance + grades.var(0, correction=0)).sqrt()
            reasons = torch.stack([each.reasons.sigmoid() for each in said]).mean(0)
            inside = torch.stack([each.inside for each in said]).mean(0)
        return [each.double().cpu().numpy() for each in (grades.mean(0), spread, reasons, inside)]

    # a thread a batch: threads within layers this small wait for one another, for minutes where others use the machine
    threads, parts = torch.get_num_threads(), []
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads) as pool:
            for part in pool.map(graded, range(0, len(frames), _BATCH)):
                parts.append(part)
                on_batch(len(part[0]))
    finally:
        torch.set_num_threads(threads)
    grade, spread, reasons, inside = (np.concatenate(each) for each in zip(*parts, strict=True))
    if reasons.shape[1] == 0:
        reasons = np.full((len(grade), len(REASONS)), np.nan)
    return Predicted(grade, spread, reasons, inside)


def _views(images: "Tensor") -> "list[Tensor]":
    """Square images turned by eighths, every other one mirrored: as good as all sixteen, at half the cost."""
    import torch

    sides = (images, _turned(images).flip(3))
    return [torch.rot90(each, turns, (2, 3)).contiguous() for each in sides for turns in range(4)]


def _turned(images: "Tensor") -> "Tensor":
    """Square images turned by 45° about their middle."""
    from torch.nn import functional

    half = 0.5**0.5
    turn = images.new_tensor([[half, -half, 0.0], [half, half, 0.0]]).expand(len(images), 2, 3)
    grid = functional.affine_grid(turn, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, mode="bicubic", padding_mode="border", align_corners=False)


def domain_table(learned: np.ndarray, kept_out: np.ndarray) -> dict[str, Any]:
    """What :func:`strangeness` needs: mean and inverse covariance of what was seen in learning, and a limit.

    The limit is half again the 99th percentile of the distances of classes that were not learned from.
    """
    mean = learned.mean(axis=0)
    spread = learned - mean
    covariance = spread.T @ spread / len(learned)
    covariance += np.diag(0.05 * np.diag(covariance) + 1e-3 * np.diag(covariance).mean() + 1e-9)
    table = {"mean": mean.round(5).tolist(), "inverse_covariance": np.linalg.inv(covariance).round(5).tolist()}
    return table | {"limit": 1.5 * float(np.quantile(strangeness(kept_out, table), 0.99))}


def strangeness(inside: np.ndarray, domain: dict[str, Any]) -> np.ndarray:
    """Mahalanobis distance of each class from what was learned from, ``(class,)``."""
    offset = inside - np.array(domain["mean"])
    squares = np.einsum("ij,jk,ik->i", offset, np.array(domain["inverse_covariance"]), offset)
    return np.sqrt(np.maximum(squares, 0))


def save_grader(network: "nn.Module", preset: Preset, path: Path, **about: Any) -> None:
    """Write weights and card; ``about`` is the rest of :class:`cryogauge.learn.weights.ModelCard`."""
    save_weights(network, ModelCard(name=NAME, architecture=asdict(preset), **about), path)


def load_grader(path: Path, device: str = "cpu") -> Grader:
    """A grader from its weights.

    Raises
    ------
    BadInput
        When the file is missing, or holds no grader.
    """
    card = read_card(path)
    if card.name != NAME:
        raise BadInput(f"the weights {path} are of {card.name}, not of a class grader", "give those of a class grader")
    try:
        preset = Preset(**card.architecture)
        spread = float(card.settings["spread"])
        network = build(preset.network)
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"the card of {path} is incomplete: {error}", "train it again, or mend the card") from error
    load_weights(network, path)
    return Grader(network.eval().to(device), preset, spread, card.tables.get("domain", {}), checksum(path))
