import json


def test_options_reach_the_simulator_in_its_units(command, tmp_path):
    options = (
        "--specimen lamella --size 64,128,256 --pixel-size 7.5 --thickness 120 --slab-tilt 4 --dose 90 "
        "--schedule bidirectional --tilt-range 54 --tilt-step 2 --defocus 3.5 --voltage 200 --no-slit "
        "--misalignment 12 --frames 6 --keep-frames --filter sirt --density a.mrc --density b.pdb --seed 11"
    )
    done = command("simulate", "tilt-series", "--out", "out", *options.split())
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["tomogram: out/tomogram.mrc", "settings: out/settings.txt"]
    asked = (tmp_path / "out" / "settings.txt").read_text()
    assert asked == (
        "SimulationSettings(specimen='lamella', shape=(64, 128, 256), voxel_size_A=7.5, thickness_nm=120.0, "
        "slab_tilt_deg=4.0, dose_e_A2=90.0, schedule='bidirectional', tilt_range_deg=54.0, tilt_step_deg=2.0, "
        "defocus_A=35000.0, voltage_kV=200.0, energy_filter=False, misalignment_A=12.0, frames=6, keep_frames=True, "
        "filter='sirt', densities=('a.mrc', 'b.pdb'), seed=11)"
    )


def test_defaults_are_the_simulators_own(command, tmp_path):
    from cryogauge.simulate import SimulationSettings

    assert command("simulate", "tilt-series", "--out", "out", "--json").returncode == 0
    asked = (tmp_path / "out" / "settings.txt").read_text()
    assert asked == repr(SimulationSettings()).replace("missing_tilts=0, ", "")


def test_settings_of_an_earlier_run_are_changed_by_options_alone(command, tmp_path):
    (tmp_path / "settings.json").write_text("lamella")
    done = command("simulate", "tilt-series", "--out", "out", "--settings", "settings.json", "--dose", "30")
    assert done.returncode == 0, done.stderr
    asked = (tmp_path / "out" / "settings.txt").read_text()
    assert "specimen='lamella'" in asked
    assert "dose_e_A2=30.0" in asked
    assert "defocus_A=12345.0" in asked


def test_a_wrong_specimen_is_a_wrong_call(command):
    done = command("simulate", "tilt-series", "--out", "out", "--specimen", "unicorn")
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["error: no specimen is called 'unicorn'", "hint: one of: cell, lamella"]


def test_a_dataset_is_made_from_a_recipe(command, tmp_path):
    done = command("simulate", "dataset", "recipe.yaml", "--out", "out", "--workers", "2", "--count", "3", "--json")
    assert json.loads(done.stdout) == {"asked": "out/asked.txt"}
    assert (tmp_path / "out" / "asked.txt").read_text() == "recipe.yaml 2 3"


def test_a_tomogram_that_fails_is_named_and_the_others_are_made(command):
    done = command("simulate", "dataset", "broken.yaml", "--out", "out")
    assert done.returncode == 1
    assert "failed: 000001: the ice broke" in done.stderr
    assert done.stdout.startswith("asked: ")
