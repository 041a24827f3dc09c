"""RELION as the engine of a selection: ``relion_refine`` on parts of a particles.star."""

import re
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from cryogauge.classes.iterate.engine import Classified, Extracted, Particles, Say
from cryogauge.classes.iterate.particle_star import ParticleStar, match_unbinned, read_particle_star
from cryogauge.classes.iterate.plan import IteratePlan
from cryogauge.classes.iterate.relion_commands import (
    Relion,
    classify_command,
    continue_command,
    extract_command,
    last_iteration,
    model_command,
)
from cryogauge.classes.iterate.rounds import Ids
from cryogauge.classes.iterate.running import Job, Runner, Tick, last_words, run_here
from cryogauge.io.replace import replacing
from cryogauge.records import BadInput, Retryable

_SAY_EVERY_S = 60.0
_FEWEST_FOR_A_MODEL = 50


@dataclass(frozen=True)
class RelionEngine:
    """RELION on this machine, or wherever ``runner`` takes its commands.

    Attributes
    ----------
    star
        The particles, as they were extracted for 2-D.
    relion
        The installation.
    unbinned
        The same picks extracted without binning; None where there are none.
    micrographs
        ``micrographs_ctf.star`` to extract from without binning; None to leave particles as they are.
    runner
        Does the commands.
    """

    star: ParticleStar
    relion: Relion
    unbinned: ParticleStar | None = None
    micrographs: Path | None = None
    runner: Runner = run_here
    name: str = "relion"
    makes_models: bool = True

    def particles(self) -> Particles:
        """All of the STAR file, numbered by their rows."""
        star = self.star
        if self.unbinned is not None:
            extraction_px = self.unbinned.box_px
        else:
            extraction_px = round(star.box_px * star.pixel_size_A / star.original_pixel_size_A)
        return Particles(
            np.arange(len(star.rows)), star.box_px, star.pixel_size_A, extraction_px, star.fingerprint, str(star.path)
        )

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {image: row for row, image in enumerate(self.star.images)}

    def classify(self, ids: Ids, classes: int, plan: IteratePlan, folder: Path, say: Say) -> Classified:
        """Run ``relion_refine``; one that was stopped goes on from its last whole iteration."""
        folder = folder.absolute()
        star, out, last = folder / "particles.star", folder / "run", last_iteration(self.relion, plan.relion)
        self.star.write(ids, star)
        begun = _iterations(folder)
        if last not in begun:
            if begun and max(begun) > 0:
                command = continue_command(
                    self.relion, plan.relion, folder / f"run_it{max(begun):03d}_optimiser.star", out
                )
            else:
                command = classify_command(
                    self.relion, plan.relion, star, out, classes=classes, mask_diameter_A=plan.mask_diameter_A,
                    seed=plan.seed,
                )  # fmt: skip
            self._run(folder, [command], plan, say, last)
        return self._classified(folder, last)

    def reextract(self, ids: Ids, last: Path, plan: IteratePlan, folder: Path, say: Say) -> Extracted:
        """The same particles of the unbinned STAR file, or cut out of the micrographs, or as they are."""
        folder = folder.absolute()
        if self.unbinned is not None:
            places = match_unbinned(self.star, self.unbinned)[ids]
            missing = int((places < 0).sum())
            path = folder / "particles.star"
            self.unbinned.write(places[places >= 0], path)
            note = f"unbinned, {_size(self.unbinned)}"
            return Extracted(str(path), note + (f"; {missing} are not among the unbinned" if missing else ""))
        original = self.star.original_pixel_size_A
        if self.micrographs is not None:
            binned = folder / "binned.star"
            source = self._centred(last, ids, binned)
            box = plan.box_px + plan.box_px % 2
            command = extract_command(
                self.relion, plan.relion, self.micrographs.absolute(), binned, folder, box_px=box,
                diameter_px=plan.mask_diameter_A / original, recenter="rlnOriginXAngst" in source.columns,
            )  # fmt: skip
            self._run(folder, [command], plan, say, None)
            path = folder / "particles.star"
            if not path.is_file():
                raise Retryable(f"relion_preprocess left no particles: {last_words(folder)}", "look at its run.err")
            return Extracted(str(path), f"unbinned, {box} px of {original:.4g} Å, cut from the micrographs")
        path = folder / "particles.star"
        self.star.write(ids, path)
        plain = np.isclose(original, self.star.pixel_size_A, rtol=0.01)
        return Extracted(str(path), f"{'unbinned' if plain else 'binned as they were given'}, {_size(self.star)}")

    def ab_initio(self, extracted: Extracted, plan: IteratePlan, folder: Path, say: Say) -> Path:
        """A first model by ``relion_refine --denovo_3dref``; its map is ``initial_model.mrc``."""
        folder = folder.absolute()
        star = read_particle_star(extracted.source)
        if len(star.rows) < _FEWEST_FOR_A_MODEL:
            raise BadInput(
                f"{len(star.rows)} particles are too few for a first model", f"it takes {_FEWEST_FOR_A_MODEL} or more"
            )
        command = model_command(
            self.relion, plan.relion, Path(extracted.source), folder / "run", mask_diameter_A=plan.mask_diameter_A,
            seed=plan.seed,
        )  # fmt: skip
        for path in folder.glob("run_it*"):  # half a model is of no use
            path.unlink()
        self._run(folder, [command], plan, say, sum(plan.relion.model_iterations))
        maps = sorted(folder.glob("run_it*_class001.mrc"))
        if not maps:
            raise Retryable(f"relion_refine left no map: {last_words(folder)}", "look at its run.err")
        target = folder / "initial_model.mrc"
        with replacing(target) as temporary:
            temporary.write_bytes(maps[-1].read_bytes())
        for path in folder.glob("run_it*"):
            if path.name.split("_")[1] != maps[-1].name.split("_")[1]:
                path.unlink()
        return target

    def _centred(self, last: Path, ids: Ids, path: Path) -> ParticleStar:
        """Write the chosen particles with their shifts, as the last classification left them, if it did."""
        found = max(last.glob("run_it*_data.star"), default=None)
        if found is None:
            self.star.write(ids, path)
            return self.star
        data, wanted = read_particle_star(found), {self.star.images[int(row)] for row in ids}
        data.write(np.array([row for row, image in enumerate(data.images) if image in wanted]), path)
        return data

    def _run(self, folder: Path, commands: list[list[str]], plan: IteratePlan, say: Say, last: int | None) -> None:
        for marker in folder.glob("RELION_JOB_EXIT_*"):
            marker.unlink()
        job = Job(f"cryogauge_{folder.name}", commands, self.star.root, folder, plan.relion.hours)
        say(job.text.rstrip())
        self.runner(job, _teller(folder, last, say))

    def _classified(self, folder: Path, last: int) -> Classified:
        from cryogauge.io.classes import open_classes

        begin = folder / f"run_it{last:03d}"
        missing = [end for end in ("_classes.mrcs", "_model.star", "_data.star") if not Path(f"{begin}{end}").is_file()]
        if missing:
            raise Retryable(f"relion_refine left no {begin.name}{missing[0]}: {last_words(folder)}", "look at run.err")
        data = read_particle_star(f"{begin}_data.star")
        try:
            rows = np.array([self._row_of[image] for image in data.images])
        except KeyError as error:
            raise BadInput(
                f"{data.path} has {error.args[0]}, which {self.star.path} has not", "use a new folder"
            ) from error
        classes = data.numbers("rlnClassNumber").astype(int)
        for path in folder.glob("run_it*"):  # an iteration has a copy of all particles
            if not path.name.startswith(begin.name):
                path.unlink()
        return Classified(open_classes(Path(f"{begin}_model.star")), rows, classes)


def _size(star: ParticleStar) -> str:
    return f"{star.box_px} px of {star.pixel_size_A:.4g} Å"


def _iterations(folder: Path) -> set[int]:
    """Iterations of which all files are there."""
    found = {int(path.name[6:9]) for path in folder.glob("run_it[0-9][0-9][0-9]_optimiser.star")}
    ends = ("_model.star", "_data.star", "_classes.mrcs")
    return {each for each in found if all((folder / f"run_it{each:03d}{end}").is_file() for end in ends)}


def _teller(folder: Path, last: int | None, say: Say) -> Tick:
    """Says now and then how far RELION is."""
    said = {"at": time.monotonic(), "iteration": 0}

    def tick() -> None:
        if last is None or time.monotonic() - said["at"] < _SAY_EVERY_S:
            return
        numbers = [re.match(r"run_it(\d+)_", path.name) for path in folder.glob("run_it*_model.star")]
        iteration = max((int(found[1]) for found in numbers if found), default=0)
        if iteration > said["iteration"]:
            said.update(at=time.monotonic(), iteration=iteration)
            say(f"{folder.name}: iteration {iteration} of {last}")

    return tick
