"""What the CryoET Data Portal holds (https://cryoetdataportal.czscience.com), through its own client."""

import functools
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cryogauge.records import BadInput, Retryable

#: Tomograms asked for at a time; the answer to that many is well under a megabyte.
PAGE = 500
_SECONDS = 30  # for the portal to answer one question
_RETRIES = 4  # with pauses of 0, 0.5, 1 and 2 s
_BACK_OFF = 0.25
_LATER = "check the network and run again"


@dataclass(frozen=True)
class PortalTomogram:
    """One tomogram of the portal; texts are empty where the portal says nothing.

    Attributes
    ----------
    id
        The portal's number for it, which may change when the portal is built anew.
    name
        Short name, seldom unique.
    run, dataset_id
        The run (one tilt series) within its dataset: together they stay the same.
    organism, taxid
        Species, and its number in NCBI's taxonomy; 0 where there is none.
    sample_type
        ``cell``, ``tissue``, ``in_vitro``, ``in_silico``, …
    shape
        Voxels ``(z, y, x)``.
    voxel_size_A
        Edge of a voxel in Å.
    uri
        Address of the OME-Zarr image.
    zarr_bytes
        Size of that image with all its scales, compressed; 0 where the portal does not say.
    deposition_id
        The deposition it came with.
    processing
        ``raw``, ``filtered``, ``denoised``, ``filtered_even`` or ``filtered_odd``.
    reconstruction
        ``WBP``, ``SIRT``, …
    is_author_submitted
        Whether the authors of the dataset made it, not somebody else from their tilt series.
    """

    id: int
    name: str
    run: str
    dataset_id: int
    organism: str
    taxid: int
    sample_type: str
    shape: tuple[int, int, int]
    voxel_size_A: float
    uri: str
    zarr_bytes: int
    deposition_id: int
    processing: str
    reconstruction: str
    is_author_submitted: bool


def list_tomograms(
    url: str | None = None, *, organisms: Sequence[str] = (), page: int = PAGE
) -> Iterator[PortalTomogram]:
    """All tomograms of the portal, in the order of their numbers, a page at a time.

    A page begins behind the last number of the page before, so none is missed or told twice while others are added.

    Parameters
    ----------
    url
        GraphQL address of a portal; by default the public one.
    organisms
        Names of species as the portal writes them; all by default.
    page
        How many to ask for at a time.

    Raises
    ------
    BadInput
        When the address is none of a portal.
    Retryable
        When it cannot be reached, or fails to answer several times in a row.
    """
    if url is not None and not url.startswith(("http://", "https://")):
        raise BadInput(f"{url} is no address of a portal", "give one that starts with https://")
    client = _client(url)
    from cryoet_data_portal import Tomogram

    species: Any = Tomogram.run.dataset.organism_name
    where = species._in(list(organisms)).to_gql() if organisms else {}
    last = -1
    while True:
        found = _ask(client, where | {"id": {"_gt": last}}, page)
        if not found:
            return
        if found[0]["id"] <= last:
            raise BadInput(f"{client.url} answers every question alike", "check the address given by --portal")
        for item in found:
            yield _tomogram(item)
        last = found[-1]["id"]


@functools.cache  # it takes half a second to read its schema
def _client(url: str | None) -> Any:
    """The portal's client, made to wait for a while and no longer."""
    with warnings.catch_warnings():  # about other packages' old habits, nothing a reader could do about
        warnings.simplefilter("ignore", DeprecationWarning)
        from cryoet_data_portal import Client

    class PatientClient(Client):
        def get_client(self) -> Any:
            client = super().get_client()
            transport: Any = client.transport
            transport.default_timeout = _SECONDS
            transport.retries, transport.retry_backoff_factor = _RETRIES, _BACK_OFF
            return client

    return PatientClient(url)


def _ask(client: Any, where: dict[str, Any], limit: int) -> list[dict[str, Any]]:
    """One page: what the client's ``Tomogram.find`` asks, with the run and its dataset in the same question."""
    from gql.dsl import DSLQuery, dsl_gql
    from gql.transport.exceptions import (
        TransportConnectionFailed,
        TransportProtocolError,
        TransportQueryError,
        TransportServerError,
    )

    kind = client.ds
    fields = (
        *(kind.Tomogram.id, kind.Tomogram.name, kind.Tomogram.depositionId),
        *(kind.Tomogram.sizeX, kind.Tomogram.sizeY, kind.Tomogram.sizeZ, kind.Tomogram.voxelSpacing),
        *(kind.Tomogram.processing, kind.Tomogram.reconstructionMethod, kind.Tomogram.isAuthorSubmitted),
        *(kind.Tomogram.httpsOmezarrDir, kind.Tomogram.fileSizeOmezarr),
        kind.Tomogram.run.select(
            kind.Run.name,
            kind.Run.dataset.select(
                kind.Dataset.id, kind.Dataset.organismName, kind.Dataset.organismTaxid, kind.Dataset.sampleType
            ),
        ),
    )
    asked = kind.Query.tomograms(where=where, orderBy=[{"id": "asc"}], limitOffset={"limit": limit, "offset": 0})
    try:
        answer = client.get_client().execute(dsl_gql(DSLQuery(asked.select(*fields))))
    except TransportConnectionFailed as error:
        reason = re.split(r": |\('|\(\"", str(error))[-1].strip("\"')")  # the innermost of a long chain of causes
        raise Retryable(f"the portal at {client.url} cannot be reached: {reason}", _LATER) from error
    except TransportServerError as error:
        raise BadInput(f"{client.url} refuses the question: {error}", "check the address given by --portal") from error
    except TransportProtocolError as error:
        message = f"{client.url} answers with something that is no GraphQL"
        raise BadInput(message, "check the address given by --portal") from error
    except TransportQueryError as error:
        said = "; ".join(str(each.get("message", each)) for each in error.errors or ()) or str(error)
        hint = "run again later; if it stays so, update the package cryoet-data-portal"
        raise Retryable(f"the portal at {client.url} fails to answer: {said}", hint) from error
    return answer["tomograms"]


def _tomogram(item: dict[str, Any]) -> PortalTomogram:
    run = item["run"] or {}
    dataset = run.get("dataset") or {}
    return PortalTomogram(
        id=item["id"],
        name=item["name"] or "",
        run=run.get("name") or "",
        dataset_id=dataset.get("id") or 0,
        organism=(dataset.get("organismName") or "").strip(),
        taxid=dataset.get("organismTaxid") or 0,
        sample_type=dataset.get("sampleType") or "",
        shape=(item["sizeZ"], item["sizeY"], item["sizeX"]),
        voxel_size_A=item["voxelSpacing"],
        uri=item["httpsOmezarrDir"] or "",
        zarr_bytes=int(item["fileSizeOmezarr"] or 0),
        deposition_id=item["depositionId"],
        processing=item["processing"],
        reconstruction=item["reconstructionMethod"],
        is_author_submitted=bool(item["isAuthorSubmitted"]),
    )
