"""The whole selection: rounds, the last classification, batches, first models (CryoSift, section 3.2 and Fig. 2)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.classes.iterate.engine import Classified, Engine, Extracted, Say
from cryogauge.classes.iterate.page import write_page
from cryogauge.classes.iterate.plan import IteratePlan, write_plan
from cryogauge.classes.iterate.results import Batch, Round, Selection
from cryogauge.classes.iterate.rounds import Ids, Split, batches, pool, split_round
from cryogauge.classes.iterate.state import State, keep_classified, keep_ids, kept_classified, open_state, write_table
from cryogauge.records import BadInput, ClassStack
from cryogauge.records.errors import CryogaugeError

Grade = Callable[[ClassStack], pd.DataFrame]
#: Told of each step that is done: its name.
Done = Callable[[str], None]
LAST = "final"


def steps_of(engine: Engine, plan: IteratePlan) -> list[str]:
    """Names of all steps, in their order."""
    names = [f"round_{number}" for number in range(1, plan.rounds + 1)] + [LAST]
    for cutoff in plan.cutoffs:
        names.append(f"batch_{cutoff:g}/particles")
        names += [f"batch_{cutoff:g}/model"] if engine.makes_models else []
    return names


def iterate(
    engine: Engine, plan: IteratePlan, grade: Grade, out: Path, *, say: Say = lambda text: None,
    done: Done = lambda step: None,
) -> Selection:  # fmt: skip
    """Select particles by rounds of classification and grading, without anybody looking.

    Steps that an earlier run in ``out`` has done are not done again. The page ``report.html`` is written anew after
    every step.

    Parameters
    ----------
    engine
        What classifies, extracts and makes models.
    plan
        What to do; kept as ``plan.json``.
    grade
        Gives a table with ``class`` and ``grade``, a row an average.
    out
        The output folder, made when it is missing.
    say
        Told in words what is under way.
    done
        Told the name of each step that is done, now or by an earlier run.

    Returns
    -------
    What came of it. Batches that failed say why; everything else raises.

    Raises
    ------
    BadInput
        When particles do not fit in their boxes, the folder was begun with something else, or no particles are left.
    Retryable
        When the engine fails: the next call goes on from there.
    """
    particles = engine.particles()
    widest_A = particles.box_px * particles.pixel_size_A
    if plan.diameter_A > widest_A:
        raise BadInput(
            f"particles of {plan.diameter_A:g} Å do not fit in boxes of {widest_A:.4g} Å", "give their diameter in Å"
        )
    out.mkdir(parents=True, exist_ok=True)
    with open_state(out, engine.name, particles, plan) as state:
        write_plan(out / "plan.json", plan)
        course = _Course(engine, plan, grade, state, say, done, Selection(plan, engine.name, particles, out))
        course.rounds()
        return course.found


@dataclass
class _Course:
    """A selection under way."""

    engine: Engine
    plan: IteratePlan
    grade: Grade
    state: State
    say: Say
    done: Done
    found: Selection
    set_aside: list[Ids] = field(default_factory=list)

    def rounds(self) -> None:
        ids = np.sort(self.found.particles.ids).astype(np.uint64)
        for number in range(1, self.plan.rounds + 1):
            step = f"round_{number}"
            if len(ids) < max(self.plan.fewest_particles, 2):
                self.found.notes.append(f"Round {number} and later ones fell out: {len(ids)} particles were left.")
                self.done(step)
                continue
            classified, grades = self._classified(step, ids)
            split = split_round(classified.particles, classified.classes, _by_class(grades), self.plan, number)
            _check_all_there(ids, split)
            self._keep_fates(step, classified, grades, split)
            self.found.rounds.append(Round(step, classified, grades, split))
            self._settled(step)
            self.set_aside.append(split.set_aside)
            ids = split.going_on
        pooled = pool([*self.set_aside, ids])
        if not len(pooled):
            raise BadInput(
                "every particle is in a class that was rejected", f"look at {self.found.page}; raise reject in the plan"
            )
        self._last(pooled)

    def _last(self, pooled: Ids) -> None:
        classified, grades = self._classified(LAST, pooled)
        chosen = batches(classified.particles, classified.classes, _by_class(grades), self.plan)
        table = pd.DataFrame({"particle": classified.particles, "class": classified.classes})
        table["grade"] = table["class"].map(_by_class(grades)).astype(float)
        write_table(self.state.step_folder(LAST) / "particles.csv", table)
        self.found.rounds.append(Round(LAST, classified, grades, None))
        self.found.batches = [Batch(cutoff, ids) for cutoff, ids in chosen.items()]
        self._settled(LAST)
        for batch in self.found.batches:
            self._batch(batch)

    def _batch(self, batch: Batch) -> None:
        name = f"batch_{batch.cutoff:g}"
        keep_ids(self.state.step_folder(name) / "selected.csv", batch.ids)
        step = f"{name}/particles"
        try:
            if not len(batch.ids):
                raise BadInput(f"no class is graded {batch.cutoff:g} or better")
            kept = self._once(step, batch, self._extract(batch, step))
            batch.extracted = Extracted(kept["source"], kept["note"])
            self._settled(step)
            if self.engine.makes_models:
                step = f"{name}/model"
                kept = self._once(step, batch, self._model(batch.extracted, step))
                batch.model = self.state.folder / kept["map"]
                self._settled(step)
        except CryogaugeError as error:
            batch.failure = f"{error.message}; {error.hint}" if error.hint else error.message
            self.state.fail(step, error.message)
            self.say(f"failed: {step}: {error.message}")
            self._settled(step)

    def _extract(self, batch: Batch, step: str) -> Callable[[], dict[str, str]]:
        def work() -> dict[str, str]:
            folder = self.state.step_folder(step)
            last = self.state.step_folder(LAST)
            extracted = self.engine.reextract(batch.ids, last, self.plan, folder, self.say)
            return {"source": extracted.source, "note": extracted.note}

        return work

    def _model(self, extracted: Extracted, step: str) -> Callable[[], dict[str, str]]:
        def work() -> dict[str, str]:
            folder = self.state.step_folder(step)
            made = self.engine.ab_initio(extracted, self.plan, folder, self.say)
            return {"map": str(made.absolute().relative_to(self.state.folder.absolute()))}

        return work

    def _once(self, step: str, batch: Batch, work: Callable[[], dict[str, str]]) -> dict[str, str]:
        """What was kept of a step of the same particles, or what the work gives."""
        particles = sha256(batch.ids.tobytes()).hexdigest()[:16]
        kept = self.state.done(step)
        if kept is None or kept["particles"] != particles:
            self.say(f"{step}: {len(batch.ids)} particles")
            kept = self.state.finish(step, particles=particles, **work())
        return kept

    def _classified(self, step: str, ids: Ids) -> tuple[Classified, pd.DataFrame]:
        folder = self.state.step_folder(step)
        if self.state.done(step) is None:
            classes = self.plan.classes_for(len(ids))
            self.say(f"{step}: {len(ids)} particles, {classes} {'class' if classes == 1 else 'classes'}")
            try:
                classified = self.engine.classify(ids, classes, self.plan, folder, self.say)
                if not np.array_equal(np.sort(classified.particles), ids):
                    raise BadInput(
                        f"{step}: the classification holds {len(classified.particles)} particles, not the {len(ids)} "
                        "that were given", "look at its folder; start anew in another",
                    )  # fmt: skip
            except CryogaugeError as error:
                self.state.fail(step, error.message)
                raise
            keep_classified(folder, classified)
            self.state.finish(step, particles=len(ids), classes=classes)
        classified = kept_classified(folder)
        path = folder / "grades.csv"
        if not path.is_file():
            grades = self.grade(classified.stack)
            if len(grades) != len(classified.stack.table):
                raise BadInput(f"{len(grades)} grades of {len(classified.stack.table)} classes")
            if "flags" in grades.columns:
                grades = grades.assign(flags=[_words(flags) for flags in grades["flags"]])
            write_table(path, grades)
        return classified, pd.read_csv(path, keep_default_na=True)

    def _keep_fates(self, step: str, classified: Classified, grades: pd.DataFrame, split: Split) -> None:
        table = pd.DataFrame({"particle": classified.particles, "class": classified.classes})
        table["grade"] = table["class"].map(_by_class(grades)).astype(float)
        fates = pd.Series("going_on", index=table["particle"])
        fates[split.set_aside] = "set_aside"
        fates[split.dropped] = "dropped"
        write_table(self.state.step_folder(step) / "particles.csv", table.assign(fate=fates.to_numpy()))

    def _settled(self, step: str) -> None:
        write_page(self.found)
        self.done(step)


def _by_class(grades: pd.DataFrame) -> dict[int, float]:
    return dict(zip(grades["class"].astype(int).tolist(), grades["grade"].astype(float).tolist(), strict=True))


def _check_all_there(ids: Ids, split: Split) -> None:
    if not np.array_equal(pool([split.set_aside, split.going_on, split.dropped]), ids):
        raise AssertionError("a round lost particles")


def _words(flags: object) -> str:
    return flags if isinstance(flags, str) else "; ".join(flags) if isinstance(flags, Sequence) else ""
