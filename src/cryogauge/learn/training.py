"""One training loop for every network of the house: resumable, in stages, with an averaged model."""

import json
import logging
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from cryogauge.records import BadInput

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to learn.

    Attributes
    ----------
    steps
        Optimiser steps in all; 0 where ``minutes`` are given.
    learning_rate, warm_up, weight_decay
        AdamW's peak rate, the part of the steps in which it rises linearly, and the decay.
    averaging
        Decay of the exponential moving average of the weights, which is what is kept; 0 for the last weights.
    falling
        Let the rate fall along a half cosine once it has risen; else it stays.
    minutes
        Learn for so long in place of so many steps, on whatever machine: time spent in steps, whatever the stages.
    momentum
        Of stochastic gradient descent, in place of AdamW.
    """

    steps: int
    learning_rate: float = 1e-3
    warm_up: float = 0.05
    weight_decay: float = 0.01
    averaging: float = 0.999
    falling: bool = True
    minutes: float | None = None
    momentum: float | None = None

    def done(self, step: int, seconds: float) -> float:
        """The part that is done after so many steps and seconds."""
        return seconds / (60.0 * self.minutes) if self.minutes is not None else step / self.steps

    def rate(self, done: float) -> float:
        """The learning rate when a part is done."""
        if done < self.warm_up:
            factor = done / self.warm_up
        elif self.falling:
            factor = 0.5 * (1 + math.cos(math.pi * (done - self.warm_up) / (1 - self.warm_up)))
        else:
            factor = 1.0
        return self.learning_rate * max(factor, 1e-3)


class Companion(Protocol):
    """What learns beside the model from what its steps do, as :class:`cryogauge.learn.bilevel.UpperLevel` does."""

    def before_step(self) -> None:
        """The gradients are there, the step is not made yet."""
        ...

    def after_step(self, optimiser: "Optimizer", batch: Any) -> None:
        """The step is made; the gradients and the optimiser's state are still those that it was made by."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Tensors and numbers for the checkpoint."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        ...


def fit(
    model: "nn.Module",
    batches: Iterator[Any],
    loss: Callable[["nn.Module", Any], "Tensor"],
    schedule: Schedule,
    folder: Path,
    *,
    stage_minutes: float = 55.0,
    report_every: int = 100,
    threads: int = 1,
    measure: Callable[["nn.Module"], dict[str, float]] = lambda model: {},
    stop_after: int | None = None,
    companion: Companion | None = None,
) -> bool:
    """Train until the schedule ends or the stage's time is up; call again to go on.

    Parameters
    ----------
    model
        Trained in place; holds the averaged weights on return.
    batches
        Endless iterator of whatever ``loss`` takes.
    loss
        ``loss(model, batch)`` returns a scalar.
    folder
        Where ``checkpoint.pt`` and ``log.jsonl`` are kept.
    stage_minutes
        Stop after this long; a checkpoint is written every five minutes and at the end.
    threads
        Batches computed at once, one a thread; a step follows the mean of their gradients. For networks whose layers
        are too small to share among the kernel's own threads.
    measure
        Told the averaged model every ``report_every`` steps; what it returns stands in the log beside the loss.
    stop_after
        End after so many of the schedule's steps, with the rate that they have in it: what an early stop found best.
    companion
        Told of every step; its state is kept in the checkpoint. Only with one thread.

    Returns
    -------
    bool
        Whether the schedule has been completed.

    Raises
    ------
    BadInput
        When the folder holds a checkpoint of another schedule, or loss or gradient is no number: the last checkpoint is
        kept as it was.
    """
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "checkpoint.pt"
    decay = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decay, "weight_decay": schedule.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    if schedule.momentum is not None:
        optimiser = torch.optim.SGD(groups, lr=schedule.learning_rate, momentum=schedule.momentum)
    else:
        optimiser = torch.optim.AdamW(groups, lr=schedule.learning_rate)
    average = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(schedule.averaging), use_buffers=True
    )
    step, seconds = 0, 0.0
    if checkpoint.exists():
        # our own file, and read as plain tensors all the same
        state = torch.load(checkpoint, weights_only=True, map_location="cpu")
        if json.loads(state["schedule"]) != asdict(schedule):
            raise BadInput(
                f"{checkpoint} belongs to another schedule", "use another folder, or delete it to start anew"
            )
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        step, seconds = int(state["step"]), float(state["seconds"])
        if companion is not None:
            companion.load_state_dict(state["companion"])

    def save() -> None:
        state = {
            "model": model.state_dict(), "average": average.state_dict(), "optimiser": optimiser.state_dict(),
            "step": step, "seconds": seconds, "schedule": json.dumps(asdict(schedule)),
        }  # fmt: skip
        if companion is not None:
            state["companion"] = companion.state_dict()
        torch.save(state, checkpoint.with_suffix(".part"))
        checkpoint.with_suffix(".part").replace(checkpoint)

    def finished() -> bool:
        return schedule.done(step, seconds) >= 1 or (stop_after is not None and step >= stop_after)

    parameters = [p for p in model.parameters() if p.requires_grad]

    def gradients(batch: Any) -> "tuple[Tensor, tuple[Tensor, ...]]":
        # the running statistics of a normalisation take what either thread writes last: they are averages anyway
        value = loss(model, batch)
        return value.detach(), torch.autograd.grad(value, parameters)

    model.train()
    started = saved = time.monotonic()
    recent: list[float] = []
    with ThreadPoolExecutor(threads) as pool:
        while not finished() and time.monotonic() - started < 60.0 * stage_minutes:
            began = time.monotonic()
            for group in optimiser.param_groups:
                group["lr"] = schedule.rate(schedule.done(step, seconds))
            drawn = [next(batches) for _ in range(threads)]
            found = list(pool.map(gradients, drawn))
            for parameter, *each in zip(parameters, *(one for _, one in found), strict=True):
                parameter.grad = torch.stack(each).mean(0) if threads > 1 else each[0]
            value = float(sum(value for value, _ in found)) / threads
            slope = float(torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0))
            if not (math.isfinite(value) and math.isfinite(slope)):
                raise BadInput(
                    f"at step {step + 1} the loss is {value:g} and its gradient {slope:g}: nothing is learned so",
                    "look for values that are no numbers in what is learned from; the last checkpoint is as it was",
                )
            if companion is not None:
                companion.before_step()
            optimiser.step()
            if companion is not None:
                companion.after_step(optimiser, drawn[0])
            # a long average of the first steps would only remember the random start
            average.update_parameters(model) if step > 200 else average.module.load_state_dict(model.state_dict())
            step += 1
            recent.append(value)
            seconds += time.monotonic() - began
            if step % report_every == 0:
                line = {"step": step, "loss": sum(recent) / len(recent), "seconds": round(seconds, 2)}
                line |= measure(average.module)
                with (folder / "log.jsonl").open("a") as file:
                    file.write(json.dumps(line) + "\n")
                log.info("step %d, %.0f %% done, loss %.4f", step, 100 * schedule.done(step, seconds), line["loss"])
                recent = []
            if time.monotonic() - saved > 300.0:
                save()
                saved = time.monotonic()
    save()
    model.load_state_dict(average.module.state_dict())
    model.eval()
    return finished()


def steps_done(folder: Path) -> int:
    """How many steps the checkpoint of a folder has behind it; 0 without one."""
    import torch

    checkpoint = folder / "checkpoint.pt"
    if not checkpoint.exists():
        return 0
    return int(torch.load(checkpoint, weights_only=True, map_location="cpu")["step"])
