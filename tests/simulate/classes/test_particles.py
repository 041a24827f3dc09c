"""Particle images: their noise, CTF and files; and RELION's classes of them."""

import shutil
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import starfile

from cryogauge.imaging.ctf import ctf_2d
from cryogauge.imaging.transforms import irfft2, rfft2
from cryogauge.io import open_volume
from cryogauge.records import BadInput
from cryogauge.records.classes import REASONS
from cryogauge.simulate.classes.particles import ParticleSettings, make_particles, write_particles
from cryogauge.simulate.classes.relion import RelionSettings, aligned_views, relion_classes
from cryogauge.simulate.classes.views import splat

SMALL = ParticleSettings(count=80, box_px=48, snr=0.1)


@pytest.fixture(scope="module")
def particles():
    return make_particles(SMALL, 1)


def expected(made, k):
    """Signal of particle k by its row of the truth."""
    row, box = made.truth.iloc[k], made.images.shape[-1]
    shift = np.array([[row["shift_y_A"], row["shift_x_A"]]])
    spectrum = splat(made.structures[0], made.rotations[k][None], box, made.optics.pixel_size_A, shifts_A=shift)
    transfer = -ctf_2d((box, box), made.optics.pixel_size_A, row["defocus_A"], amplitude_contrast=0.1)
    contrast = np.float32(made.optics.contrast_per_V_A) * spectrum * transfer * made.optics.envelope(box)
    return made.signal_scale * irfft2(contrast, (box, box))


def test_images_hold_their_particles_at_the_asked_ratio_of_signal_to_noise(particles):
    alone = np.flatnonzero((particles.truth["structure"] != "") & (particles.truth["neighbours"] == 0))
    signal = np.stack([expected(particles, k) for k in alone])
    noisy = particles.images[alone]
    slope = (noisy * signal).sum() / np.square(signal).sum()
    assert slope == pytest.approx(1.0, abs=0.1)
    noise = noisy - signal
    assert noise.var() == pytest.approx(1.0, rel=0.05)
    assert signal.var(axis=(1, 2)).mean() / noise.var() == pytest.approx(0.1, rel=0.15)


def test_false_picks_are_as_many_as_asked_and_hold_no_particle():
    made = make_particles(ParticleSettings(count=400, box_px=16, false_picks=0.5), 0)
    false = made.truth["structure"] == ""
    assert false.mean() == pytest.approx(0.5, abs=0.08)
    assert (false == (made.truth["contaminant"] != "")).all()
    assert set(made.truth["contaminant"]) == {"", "empty", "ice", "carbon", "edge", "aggregate"}
    assert not make_particles(ParticleSettings(count=50, box_px=16, false_picks=0.0), 0).truth["contaminant"].any()


def test_preferred_views_crowd_together():
    made = make_particles(ParticleSettings(count=60, box_px=16, preferred=1), 0)
    beam = made.rotations[:, 0]
    assert np.linalg.norm(beam.mean(axis=0)) > 0.95


def test_files_are_what_relion_reads(particles, tmp_path):
    written = write_particles(tmp_path, particles)
    star: Any = starfile.read(written["star"], always_dict=True)
    assert star["optics"]["rlnImagePixelSize"].iloc[0] == pytest.approx(particles.optics.pixel_size_A, rel=1e-5)
    np.testing.assert_allclose(star["particles"]["rlnDefocusU"], particles.truth["defocus_A"], atol=0.1)
    assert star["particles"]["rlnImageName"].iloc[4] == "000005@particles.mrcs"
    np.testing.assert_array_equal(open_volume(written["stack"]).data, particles.images)
    again = make_particles(SMALL, 1)
    np.testing.assert_array_equal(again.images, particles.images)


def test_settings_that_cannot_be_are_refused():
    for name, value in (("count", 0), ("box_px", 8), ("false_picks", 1.5), ("snr", 0.0)):
        with pytest.raises(BadInput):
            replace(SMALL, **{name: value})
    with pytest.raises(BadInput, match="3 particles cannot be put into 5 classes"):
        RelionSettings(particles=3, classes=5)


def test_without_relion_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match="relion_refine is not on the PATH") as caught:
        relion_classes(tmp_path / "r")
    assert "built-in" in str(caught.value.hint)


@pytest.mark.skipif(shutil.which("relion_refine") is None, reason="needs RELION's relion_refine on the PATH")
def test_relion_classifies_and_its_classes_are_of_their_members(tmp_path):
    settings = RelionSettings(particles=90, box_px=32, classes=2, iterations=4, false_picks=0.1, snr=1.0, preferred=0)
    made = relion_classes(tmp_path, settings, seed=2)
    assert made.stack.images.shape == (2, 32, 32)
    assert made.truth["members"].sum() == 90
    assert {f"reason_{name}" for name in REASONS} <= set(made.truth.columns)
    # members laid on one another by RELION's poses look like the class: its angles are read with the right sign
    data: Any = starfile.read(tmp_path / "run_it004_data.star", always_dict=True)
    poses = data["particles"]
    particles = make_particles(ParticleSettings(count=90, box_px=32, false_picks=0.1, snr=1.0), 2)
    number = 1 + int(np.argmax(made.truth["members"]))
    particle = poses["rlnImageName"].str.split("@").str[0].astype(int).to_numpy() - 1
    mine = (poses["rlnClassNumber"] == number).to_numpy() & (particles.truth["structure"] != "").to_numpy()[particle]
    members, psi_rad = particle[mine], np.deg2rad(poses["rlnAnglePsi"].to_numpy(float)[mine])

    def likeness(sign):
        views = aligned_views(particles.rotations[members], sign * psi_rad)
        mean = splat(particles.structures[0], views, 32, particles.optics.pixel_size_A)
        return np.abs(irfft2(rfft2(made.stack.images[number - 1]) * mean.conj(), (32, 32))).max()

    assert likeness(1.0) > likeness(-1.0)
