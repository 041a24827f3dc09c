"""The selection: its limits, its quota, its indifference to what else the portal holds."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.io.portal import PortalTomogram
from cryogauge.records import BadInput
from cryogauge.score.choice import Selection, choose, output_name

PLAIN = PortalTomogram(
    id=1,
    name="t",
    run="TS_1",
    dataset_id=10_000,
    organism="Homo sapiens",
    taxid=9606,
    sample_type="cell",
    shape=(200, 1024, 1024),
    voxel_size_A=10.0,
    uri="https://example.org/1.zarr",
    zarr_bytes=0,
    deposition_id=1,
    processing="raw",
    reconstruction="WBP",
    is_author_submitted=True,
)
ORGANISMS = ("Homo sapiens", "homo sapiens", "Escherichia coli", "Vibrio cholerae", "Quisquilia rara", "T4 phage", "")


@st.composite
def catalogues(draw, least=0):
    count = draw(st.integers(least, 60))
    tomograms = []
    for number in range(count):
        organism = draw(st.sampled_from(ORGANISMS))
        tomograms.append(
            replace(
                PLAIN,
                id=number,
                run=f"TS_{draw(st.integers(0, 12))}",
                # a dataset is of one organism
                dataset_id=10_000 + ORGANISMS.index(organism),
                organism=organism,
                taxid=0,
                sample_type=draw(st.sampled_from(("cell", "cell", "cell", "in_silico", "in_vitro", "virus", ""))),
                shape=(200, draw(st.sampled_from((800, 801, 1024))), draw(st.sampled_from((1024, 801, 800)))),
                voxel_size_A=draw(st.sampled_from((5.0, 5.01, 10.0, 49.9, 50.0))),
                uri=draw(st.sampled_from(("https://example.org/x.zarr",) * 4 + ("", "file:///etc"))),
                processing=draw(st.sampled_from(("raw", "filtered", "denoised", "filtered_even", "filtered_odd"))),
                is_author_submitted=draw(st.booleans()),
            )
        )
    return tomograms


quotas = st.builds(Selection, st.integers(0, 4), st.integers(0, 3), seed=st.integers(0, 5))


@given(catalogues(), quotas)
def test_all_within_limits_and_quota(tomograms, selection):
    choices = choose(tomograms, selection)
    assert sorted(choice.tomogram.id for choice in choices) == [tomogram.id for tomogram in tomograms]
    chosen = [choice for choice in choices if choice.verdict == "chosen"]
    assert [choice.verdict for choice in choices[: len(chosen)]] == ["chosen"] * len(chosen)
    for choice in chosen:
        tomogram = choice.tomogram
        assert min(tomogram.shape[1:]) > 800
        assert 5 < tomogram.voxel_size_A < 50
        assert tomogram.organism
        assert choice.domain != "virus"
        assert tomogram.sample_type not in ("in_silico", "in_vitro", "virus")
        assert tomogram.processing in ("raw", "filtered", "denoised")
        assert tomogram.uri.startswith("https://")
    runs = Counter((choice.tomogram.dataset_id, choice.tomogram.run) for choice in chosen)
    assert not runs or max(runs.values()) == 1
    for (organism, domain), count in Counter((c.tomogram.organism.lower(), c.domain) for c in chosen).items():
        wanted = selection.per_prokaryote if domain == "prokaryote" else selection.per_eukaryote
        assert count <= wanted, organism


@given(catalogues(), quotas)
def test_as_many_as_there_are_up_to_the_quota(tomograms, selection):
    choices = choose(tomograms, selection)
    for choice in choices:
        if choice.verdict == "surplus":
            species = choice.tomogram.organism.lower()
            taken = [c for c in choices if c.verdict == "chosen" and c.tomogram.organism.lower() == species]
            assert len(taken) == (
                selection.per_prokaryote if choice.domain == "prokaryote" else selection.per_eukaryote
            )


@given(catalogues(1), quotas, st.data())
def test_what_is_added_to_the_portal_reshuffles_nothing(tomograms, selection, data):
    """Whoever is chosen of the larger catalogue and was there before, was chosen before."""
    new = data.draw(st.sets(st.sampled_from([tomogram.id for tomogram in tomograms])))
    before = {c.tomogram.id for c in choose([t for t in tomograms if t.id not in new], selection) if _chosen(c)}
    after = {choice.tomogram.id for choice in choose(tomograms, selection) if _chosen(choice)}
    assert after - new <= before
    assert len(before - after) <= len(new)


@given(catalogues(), quotas, st.randoms())
def test_the_order_of_the_catalogue_plays_no_part(tomograms, selection, random):
    shuffled = list(tomograms)
    random.shuffle(shuffled)
    assert choose(shuffled, selection) == choose(tomograms, selection)


def _chosen(choice):
    return choice.verdict == "chosen"


def test_another_seed_draws_others_evenly():
    """Over many seeds every run is drawn about as often as any other."""
    tomograms = [replace(PLAIN, id=i, run=f"TS_{i}") for i in range(10)]
    drawn = Counter()
    for seed in range(400):
        drawn.update(c.tomogram.id for c in choose(tomograms, Selection(per_eukaryote=3, seed=seed)) if _chosen(c))
    assert set(drawn) == set(range(10))
    assert all(80 < count < 160 for count in drawn.values())  # 120 ± 4.4 standard deviations of 9.2


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"processing": "raw", "is_author_submitted": False}, {"processing": "filtered"}),
        ({"processing": "filtered"}, {"processing": "denoised"}),
        ({"is_author_submitted": True}, {"is_author_submitted": False}),
        ({"id": 3}, {"id": 4}),
        ({"processing": "denoised", "id": 9}, {"voxel_size_A": 60.0, "id": 1}),  # only what fits competes
    ],
)
def test_one_tomogram_a_run(better, worse):
    pair = [replace(PLAIN, **({"id": 2} | worse)), replace(PLAIN, **({"id": 8} | better))]
    if "id" not in better:
        assert pair[1].id > pair[0].id
    best, other = choose(pair, Selection())
    assert best.tomogram == pair[1]
    assert best.verdict == "chosen"
    assert other.verdict in ("same_run", "pixel_size")


@pytest.mark.parametrize(
    ("change", "verdict", "reason"),
    [
        ({"shape": (90, 800, 1024)}, "too_small", "1024 × 800 px is not larger than 800 × 800"),
        ({"voxel_size_A": 5.0}, "pixel_size", "5 Å is not between 5 and 50 Å"),
        ({"organism": ""}, "no_organism", "the portal names no organism"),
        ({"sample_type": "in_silico"}, "no_cell", "simulated"),
        ({"organism": "SARS-CoV-2 virus", "taxid": 0}, "no_cell", "a virus, no cell"),
        ({"processing": "filtered_odd"}, "half", "reconstructed from half of the data"),
        ({"uri": ""}, "no_zarr", "the portal gives no address of an OME-Zarr image"),
    ],
)
def test_reasons_of_what_is_refused(change, verdict, reason):
    (choice,) = choose([replace(PLAIN, **change)], Selection())
    assert (choice.verdict, choice.reason) == (verdict, reason)


def test_reasons_of_the_draw():
    runs = [replace(PLAIN, id=i, run=f"TS_{i}") for i in range(3)]
    again = replace(PLAIN, id=7, run="TS_1", processing="denoised")
    words = [choice.reason for choice in choose([*runs, again], Selection(per_eukaryote=2))]
    assert words[:2] == [f"number {n} of 3 drawn of Homo sapiens (eukaryote)" for n in (1, 2)]
    assert "number 3 of 3 drawn of Homo sapiens (eukaryote); 2 are wanted" in words
    assert words[-1] == "another reconstruction of the run of 1, which is raw and of the authors"


def test_the_unknown_count_as_eukaryotes_unless_told():
    tomograms = [replace(PLAIN, id=i, run=f"{i}", organism="Quisquilia rara", taxid=0) for i in range(20)]
    choices = choose(tomograms, Selection())
    assert {choice.domain for choice in choices} == {"unknown"}
    assert sum(map(_chosen, choices)) == 15
    assert sum(map(_chosen, choose(tomograms, Selection(), {"quisquilia": "prokaryote"}))) == 3


@pytest.mark.parametrize("run", ["../../evil", "TS 1", "a/b", "\x00", "." * 300, "Größe", "", "C:\\x", "..", "x" * 500])
def test_names_stay_in_their_folder(run):
    name = output_name(replace(PLAIN, run=run))
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-_")
    assert name.startswith("10000-")
    assert len(name) < 120


def test_names_are_readable_and_never_meet():
    assert output_name(PLAIN) == "10000-TS_1"
    odd = ["TS 1", "TS/1", "TS_1", "TS.1", "x" * 99, "x" * 98]
    assert len({output_name(replace(PLAIN, run=run)) for run in odd}) == len(odd)


@pytest.mark.parametrize("pixels", [(50.0, 5.0), (5.0, 5.0), (float("nan"), 5.0), (5.0, float("inf")), (-1.0, 5.0)])
def test_ranges_that_are_none(pixels):
    with pytest.raises(BadInput, match="are no range"):
        Selection(pixel_size_A=pixels)


def test_numbers_below_nothing():
    with pytest.raises(BadInput, match="cannot be negative"):
        Selection(per_eukaryote=-1)
