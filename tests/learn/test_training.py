"""The training loop: it learns, stops in stages, goes on where it stopped, and refuses what does not fit."""

import json
from dataclasses import replace

import pytest
import torch

from cryogauge.learn.training import Schedule, fit
from cryogauge.records import BadInput

SCHEDULE = Schedule(steps=240, learning_rate=0.05, averaging=0.9)


def _batches(seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    while True:
        x = torch.randn(16, 3, generator=generator)
        yield x, x @ torch.tensor([[1.0], [-2.0], [0.5]])


def _loss(model, batch):
    x, y = batch
    return ((model(x) - y) ** 2).mean()


def _line() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Linear(3, 1)


def test_it_learns_a_line_and_logs(tmp_path):
    model = _line()
    assert fit(model, _batches(), _loss, SCHEDULE, tmp_path, report_every=60)
    assert not model.training
    torch.testing.assert_close(model.weight.detach()[0], torch.tensor([1.0, -2.0, 0.5]), atol=0.05, rtol=0)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [60, 120, 180, 240]
    assert lines[-1]["loss"] < 0.1 * lines[0]["loss"]


def test_a_stage_that_runs_out_goes_on_in_the_next(tmp_path, minute_a_look):
    model, calls = _line(), 0
    minute_a_look("cryogauge.learn.training")

    def counted(model, batch):
        nonlocal calls
        calls += 1
        return _loss(model, batch)

    stages = 0
    while not fit(model, _batches(stages), counted, SCHEDULE, tmp_path, stage_minutes=100):
        stages += 1
        model = _line()  # as a new process would
        assert (tmp_path / "checkpoint.pt").exists()
        assert stages < SCHEDULE.steps
    assert stages > 1
    assert calls == SCHEDULE.steps, "steps were repeated or left out"
    torch.testing.assert_close(model.weight.detach()[0], torch.tensor([1.0, -2.0, 0.5]), atol=0.1, rtol=0)


def test_a_completed_schedule_is_not_repeated(tmp_path):
    fit(_line(), _batches(), _loss, SCHEDULE, tmp_path)
    again = _line()

    def never(model, batch):
        raise AssertionError("a completed schedule took another step")

    assert fit(again, _batches(), never, SCHEDULE, tmp_path)
    torch.testing.assert_close(again.weight.detach()[0], torch.tensor([1.0, -2.0, 0.5]), atol=0.05, rtol=0)


def test_a_stage_of_no_time_still_leaves_a_checkpoint(tmp_path):
    assert not fit(_line(), _batches(), _loss, SCHEDULE, tmp_path, stage_minutes=0.0)
    assert (tmp_path / "checkpoint.pt").exists()
    assert not list(tmp_path.glob("*.part"))


def test_another_schedules_checkpoint_is_refused(tmp_path):
    fit(_line(), _batches(), _loss, SCHEDULE, tmp_path, stage_minutes=0.0)
    with pytest.raises(BadInput, match="another schedule") as caught:
        fit(_line(), _batches(), _loss, replace(SCHEDULE, steps=10), tmp_path)
    assert "another folder" in caught.value.hint


def test_two_threads_follow_the_mean_of_their_gradients(tmp_path):
    """Two batches a step: the same line, from twice the data."""
    model = _line()
    assert fit(model, _batches(), _loss, SCHEDULE, tmp_path, threads=2, report_every=240)
    torch.testing.assert_close(model.weight.detach()[0], torch.tensor([1.0, -2.0, 0.5]), atol=0.05, rtol=0)

    one, two = _line(), _line()
    once = replace(SCHEDULE, steps=1, warm_up=0.0, averaging=0.0)
    drawn = _batches()
    pair = [next(drawn), next(drawn)]
    both = tuple(torch.cat(parts) for parts in zip(*pair, strict=True))
    fit(one, iter([both]), _loss, once, tmp_path / "one")
    fit(two, iter(pair), _loss, once, tmp_path / "two", threads=2)
    torch.testing.assert_close(one.weight, two.weight)


def test_an_early_stop_takes_the_schedules_own_steps(tmp_path):
    """Stopped after as many steps, it is where the whole schedule was then, and what was measured stands in the log."""
    seen = {}

    def measure(model):
        seen[len(seen)] = model.weight.detach().clone()
        return {"first": float(model.weight.detach()[0, 0])}

    fit(_line(), _batches(), _loss, SCHEDULE, tmp_path / "whole", report_every=60, measure=measure)
    lines = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    assert [line["first"] for line in lines] == [float(weight[0, 0]) for weight in seen.values()]
    stopped = _line()
    assert fit(stopped, _batches(), _loss, SCHEDULE, tmp_path / "stopped", stop_after=120)
    torch.testing.assert_close(stopped.weight.detach(), seen[1])


@pytest.mark.parametrize("wrong", ["loss", "gradient"])
def test_what_is_no_number_stops_the_training_before_it_spoils_the_weights(tmp_path, wrong):
    taken = 0

    def spoiled(model, batch):
        nonlocal taken
        taken += 1
        value = _loss(model, batch)
        if taken <= 10:
            return value
        return value * float("nan") if wrong == "loss" else value + torch.sqrt((model.weight * 0).sum())

    fit(_line(), _batches(), _loss, SCHEDULE, tmp_path, stop_after=5)
    kept = (tmp_path / "checkpoint.pt").read_bytes()
    model = _line()
    with pytest.raises(BadInput, match=r"at step 16 the loss is .*nan"):
        fit(model, _batches(), spoiled, SCHEDULE, tmp_path)
    assert torch.isfinite(model.weight).all()
    assert (tmp_path / "checkpoint.pt").read_bytes() == kept


def test_a_checkpoint_of_a_gpu_goes_on_without_one(tmp_path, monkeypatch):
    """Its tensors say where they were; they are loaded where the model is."""
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("torch.serialization.location_tag", lambda storage: "cuda:0")
        fit(_line(), _batches(), _loss, SCHEDULE, tmp_path, stop_after=100)
    with pytest.MonkeyPatch.context() as without:
        without.setattr("torch.cuda.is_available", lambda: False)
        with pytest.raises(RuntimeError, match="CUDA"):
            torch.load(tmp_path / "checkpoint.pt", weights_only=True)
        model = _line()
        assert fit(model, _batches(), _loss, SCHEDULE, tmp_path)
    torch.testing.assert_close(model.weight.detach()[0], torch.tensor([1.0, -2.0, 0.5]), atol=0.05, rtol=0)
