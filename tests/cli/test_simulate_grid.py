"""``cryogauge simulate grid``, whatever it is registered under."""

import json
from dataclasses import asdict

import pytest
import typer
from typer.testing import CliRunner

from cryogauge.cli.simulate_grid import grid
from cryogauge.records import BadInput
from cryogauge.simulate.grid import GridSettings

app = typer.Typer()
app.command()(grid)
FEW = ("--squares", "0", "--holes", "1", "--exposures", "1", "--exposure-size", "256")
NONE = ("--squares", "0", "--holes", "0", "--exposures", "0")


def call(*options):
    done = CliRunner().invoke(app, list(map(str, options)))
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_options_make_settings_which_make_the_same_again(tmp_path):
    first, again = tmp_path / "first", tmp_path / "again"
    options = ("--mesh", "60", "--pattern", "R5/15", "--foil", "gold", "--ice", "33", "--seed", "5")
    done = call("--out", first, *options, *FEW, "--json")
    assert done.exit_code == 0
    written = json.loads(done.stdout)
    assert {"atlas", "hole_01", "exposure_01", "images", "squares", "holes", "particles", "settings", "sheet"} == set(
        written
    )
    settings = json.loads((first / "settings.json").read_text())
    assert (settings["mesh"], settings["foil"], settings["ice_nm"], settings["seed"]) == (60, "gold", 33, 5)
    assert settings["crystalline"] == asdict(GridSettings())["crystalline"]

    done = call("--out", again, "--settings", first / "settings.json", "--ice", "50", *NONE)
    assert done.exit_code == 0
    assert "atlas: " in done.stdout
    changed = json.loads((again / "settings.json").read_text())
    assert changed == settings | {"ice_nm": 50}


def test_varied_grids_keep_what_options_set(tmp_path):
    done = call("--out", tmp_path / "v", "--varied", "--mesh", "60", "--pattern", "R5/15", "--seed", "3", *NONE)
    assert done.exit_code == 0
    settings = json.loads((tmp_path / "v" / "settings.json").read_text())
    assert (settings["mesh"], settings["pattern"], settings["seed"]) == (60, "R5/15", 3)
    assert settings["particles_um2"] != GridSettings().particles_um2


@pytest.mark.parametrize("wrong", [("--mesh", "7"), ("--pattern", "R0/0"), ("--ice", "-4"), ("--settings", "none")])
def test_wrong_calls_say_what_is_wrong(tmp_path, wrong):
    with pytest.raises(BadInput) as error:
        call("--out", tmp_path / "x", *wrong)
    assert error.value.hint
    assert not (tmp_path / "x").exists()
