"""The picker that comes with the package, on a simulated tomogram that it has not seen."""

import pytest

from cryogauge.learn.weights import read_card
from cryogauge.pick.challenge import score_picks
from cryogauge.pick.challenge.rules import Rules
from cryogauge.pick.model import load_picker
from cryogauge.pick.patches import normalised
from cryogauge.pick.predict import picks_of, probability_map
from cryogauge.pick.shipped import SHIPPED, picker_weights
from cryogauge.pick.thresholds import above
from cryogauge.records import CZII_OBJECTS, BadInput
from cryogauge.simulate.phantom import PhantomSettings, make_phantom


def test_it_finds_most_of_the_common_species():
    picker = load_picker([picker_weights(SHIPPED)])
    assert [each.name for each in picker.objects] == [each.name for each in CZII_OBJECTS]
    assert not picker.uncut
    phantom = make_phantom(PhantomSettings(shape=(96, 160, 160), crowding=2.0), 990)
    found = probability_map(picker.networks, normalised(phantom.data), picker.preset)
    picks = above(picks_of(found, picker.objects, picker.voxel_size_A, picker.preset, "one"), picker.thresholds)
    truth = phantom.picks.assign(tomogram="one")
    f4 = score_picks(truth, picks, Rules()).objects.set_index("object")["f_beta"]
    assert f4["ribosome"] > 0.7, f4.to_dict()
    assert f4["apo-ferritin"] > 0.4, f4.to_dict()


def test_its_card_says_what_it_learned_from_and_it_is_small():
    path = picker_weights(SHIPPED)
    assert "simulated tomograms only" in read_card(path).limits[0]
    assert path.stat().st_size < 10e6


def test_other_weights_are_files():
    assert picker_weights("mine.safetensors").name == "mine.safetensors"
    with pytest.raises(BadInput, match="no picker is called 'mine'"):
        picker_weights("mine")
