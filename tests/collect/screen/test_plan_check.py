"""Plans that a microscope cannot carry out are refused before it moves."""

from dataclasses import replace

import pytest

from cryogauge.collect.drivers.journal import read_journal
from cryogauge.collect.screen.run import JOURNAL
from cryogauge.records import BadInput
from tests.collect.screen.quick import Bench, settings


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({"modes": {"exposure": "exposur"}}, "no mode 'exposur' for modes: exposure"),
        ({"modes": {"atlas": ""}}, "no mode '' for modes: atlas"),
        ({"exposures": {"dose_e_A2": 500.0}}, "dose_e_A2 is 500, the limit 200"),
        ({"exposures": {"defocus_A": [1e9, 2e9]}}, "the limits are -3e[+]06 to 3e[+]06"),
        ({"skip": {"good_resolution_A": 4.0}}, "no contrast transfer is seen to better than 4.3 Å"),
        ({"pace": {"by_shift_um": 100.0}}, "by_shift_um is 100 µm, image shift may go"),
    ],
)
def test_nothing_moves_for_a_plan_that_cannot_be(tmp_path, plan, said):
    bench = Bench(tmp_path)
    with pytest.raises(BadInput, match=said):
        bench.run(settings(tmp_path, **plan))
    assert not read_journal(tmp_path / JOURNAL)


def test_holes_need_no_mode_of_their_own(tmp_path):
    assert Bench(tmp_path).run(settings(tmp_path, {1: 0.9}, modes={"hole": ""})).finished


def test_pixels_too_coarse_for_contrast_transfer_are_told_and_skip_nothing(tmp_path):
    bench, wanted = Bench(tmp_path), settings(tmp_path, {1: 0.9}, skip={"good_resolution_A": 4.0})
    modes = dict(wanted.microscope.modes)
    modes["exposure"] = replace(modes["exposure"], pixel_size_A=4.5)
    assert bench.run(replace(wanted, microscope=replace(wanted.microscope, modes=modes))).finished
    assert any("contrast transfer is not looked for above 4" in said for said in bench.said)
