"""The portal's catalogue through its own client, against a stand-in that speaks its schema."""

import re
import socket

import pytest

from cryogauge.io.portal import PortalTomogram, list_tomograms
from cryogauge.records import BadInput, Retryable


def test_a_tomogram_as_the_portal_describes_it(portal):
    portal.add("TS_1", "Mus musculus", taxid=10090, dataset_id=10_001, sizeX=960, sizeY=928, sizeZ=500)
    (found,) = list_tomograms(portal.graphql)
    assert found == PortalTomogram(
        id=1,
        name="TS_1",
        run="TS_1",
        dataset_id=10_001,
        organism="Mus musculus",
        taxid=10090,
        sample_type="cell",
        shape=(500, 928, 960),
        voxel_size_A=10.0,
        uri=f"{portal.url}/10001/TS_1/1.zarr",
        zarr_bytes=900_000_000,
        deposition_id=10_300,
        processing="raw",
        reconstruction="WBP",
        is_author_submitted=True,
    )
    assert not portal.errors


def test_what_the_portal_leaves_out_is_empty(portal):
    nothing = {"name": None, "httpsOmezarrDir": None, "fileSizeOmezarr": None, "isAuthorSubmitted": None}
    portal.add(organism=None, sample_type=None, **nothing)
    portal.add()["run"] = None
    first, second = list_tomograms(portal.graphql)
    assert (first.name, first.uri, first.zarr_bytes, first.is_author_submitted) == ("", "", 0, False)
    assert (first.organism, first.taxid, first.sample_type) == ("", 0, "")
    assert (second.run, second.dataset_id) == ("", 0)


@pytest.mark.parametrize(("page", "cap"), [(3, 100), (100, 2), (7, 7)])
def test_pages_join_without_gap_or_repetition(portal, page, cap):
    """Also when the server gives fewer than were asked for, and its rows lie in another order."""
    for number in range(7):
        portal.add(f"TS_{number}")
    portal.tomograms.reverse()
    portal.cap = cap
    assert [each.id for each in list_tomograms(portal.graphql, page=page)] == list(range(1, 8))
    assert len(portal.questions) == -(-7 // min(page, cap)) + 1
    assert re.search(r"limit: (\d+)", portal.questions[0]).group(1) == str(page)


def test_pages_are_asked_for_when_needed(portal):
    for number in range(5):
        portal.add(f"TS_{number}")
    next(list_tomograms(portal.graphql, page=2))
    assert len(portal.questions) == 1


def test_only_the_species_asked_for(portal):
    for organism in ("Homo sapiens", "Mus musculus", "Bos taurus", None):
        portal.add(organism or "none", organism)
    wanted = ["Mus musculus", "Bos taurus"]
    assert [each.organism for each in list_tomograms(portal.graphql, organisms=wanted)] == wanted
    assert not portal.errors


@pytest.mark.parametrize("statuses", [[500], [503, 502], [429]])
def test_a_portal_that_stumbles_is_asked_again(portal, statuses):
    portal.add()
    portal.broken_answers[:] = statuses
    assert len(list(list_tomograms(portal.graphql))) == 1


def test_a_portal_that_stays_down(portal, monkeypatch):
    monkeypatch.setattr("cryogauge.io.portal._BACK_OFF", 0)
    portal.broken_answers[:] = [500] * 100
    with pytest.raises(Retryable, match="cannot be reached: too many 500 error responses") as caught:
        list(list_tomograms(portal.graphql))
    assert "run again" in caught.value.hint
    assert 90 < len(portal.broken_answers) < 99


def test_a_portal_that_is_not_there(monkeypatch):
    monkeypatch.setattr("cryogauge.io.portal._BACK_OFF", 0)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(Retryable, match=r"cannot be reached: \[Errno 111\] Connection refused$"):
        list(list_tomograms(f"http://127.0.0.1:{port}/graphql"))


def test_a_portal_that_never_answers(monkeypatch):
    monkeypatch.setattr("cryogauge.io.portal._SECONDS", 0.05)
    monkeypatch.setattr("cryogauge.io.portal._RETRIES", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Retryable, match="timed out"):
        list(list_tomograms(f"http://127.0.0.1:{silent.getsockname()[1]}/graphql"))


def test_a_portal_that_has_changed(portal, monkeypatch):
    """It answers, but no longer knows what is asked."""
    answer = {"errors": [{"message": "Cannot query field 'sizeX'"}]}
    monkeypatch.setattr(portal, "answer", lambda question: answer)
    with pytest.raises(Retryable, match="fails to answer: Cannot query field 'sizeX'") as caught:
        list(list_tomograms(portal.graphql))
    assert "update the package cryoet-data-portal" in caught.value.hint


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"weather": "fine"}, "no GraphQL"),
        ({"data": {"tomograms": [{"id": -1}]}}, "answers every question alike"),
    ],
)
def test_what_is_no_portal(portal, answer, words, monkeypatch):
    monkeypatch.setattr(portal, "answer", lambda question: answer)
    with pytest.raises(BadInput, match=words):
        list(list_tomograms(portal.graphql))


def test_addresses_that_are_none(portal):
    with pytest.raises(BadInput, match="no address of a portal"):
        list(list_tomograms("127.0.0.1/graphql"))
    portal.broken_answers[:] = [404]
    with pytest.raises(BadInput, match="refuses the question: 404"):
        list(list_tomograms(portal.graphql))
