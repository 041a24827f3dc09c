"""OME-Zarr 0.4 and 0.5 (https://ngff.openmicroscopy.org), on disk or by URL, through tensorstore."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cryogauge.io.lazy import LazyArray, layer_bytes
from cryogauge.io.voxel import unit_A, voxel_size
from cryogauge.records import BadInput, Retryable, Volume

_REMOTE = ("http://", "https://", "s3://", "gs://")
#: Files one of which lies in every Zarr folder: group and array of Zarr 2, either of Zarr 3.
MARKERS = (".zgroup", ".zarray", ".zattrs", "zarr.json")
#: A dead server should be told within seconds, not tensorstore's 32 attempts.
_CONTEXT = {"http_request_retries": {"max_retries": 3, "initial_delay": "200ms", "max_delay": "1s"}}


class ZarrFormat:
    """OME-Zarr multiscale images; the finest scale, or the scale that the path ends in (``tomo.zarr/1``)."""

    name = "zarr"
    suffixes = (".zarr",)

    def recognises(self, uri: str) -> bool:
        """A URL, or a folder that Zarr wrote."""
        return uri.startswith(_REMOTE) or is_zarr(Path(uri))

    def open(self, uri: str, pixel_size_A: float | None, scratch: Path | None) -> Volume:
        """Open one scale as a volume; see ``VolumeFormat.open``."""
        uri = uri.rstrip("/")
        attributes = _attributes(uri)
        image = multiscale(attributes)
        if image is not None:
            path = str(image["datasets"][0]["path"])
            array = _open_array(f"{uri}/{path}")
        else:  # not an image: then an array, perhaps a scale of the image above it
            array = _open_array(uri)
            above, _, path = uri.rpartition("/")
            image = multiscale(_attributes(above)) if above else None

        def read(box: tuple[int | slice, ...]) -> np.ndarray:
            with _explained(uri):
                return array[box].read().result()

        stated = stated_voxel_A(image, path, array.ndim)
        dtype = np.dtype(array.dtype.numpy_dtype)
        data = as_volume(uri, array.shape, dtype, array.chunk_layout.read_chunk.shape, read)
        return Volume(data, voxel_size(uri, stated, pixel_size_A), source=uri)


FORMAT = ZarrFormat()


def as_volume(
    uri: str,
    shape: tuple[int, ...],
    dtype: np.dtype,
    chunk: tuple[int, ...],
    read: Callable[[tuple[int | slice, ...]], np.ndarray],
) -> LazyArray:
    """An array of three axes, or more in front with one entry each, as a lazy volume.

    Parameters
    ----------
    uri
        What to call it in a message.
    shape, dtype, chunk
        Of the array as it is stored.
    read
        Given an index for every axis, the box as an array.

    Raises
    ------
    BadInput
        When it holds several volumes, a single image, or no densities.
    """
    lead = len(shape) - 3
    z, y, x = shape[lead:] if lead >= 0 else (0, 0, 0)
    if lead < 0 or any(n != 1 for n in shape[:lead]):
        raise BadInput(f"{uri} has shape {tuple(shape)}, not one volume", "give a single channel and time")
    if z == 1:
        raise BadInput(f"{uri} is a single image, not a tomogram", "judge single pictures with --slices")
    if dtype.kind not in "iuf":
        raise BadInput(f"{uri} holds values of type {dtype}, not densities")
    edge = chunk[lead:]
    return LazyArray((z, y, x), dtype, lambda *box: read((0,) * lead + box), (edge[0], edge[1], edge[2]))


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr group or array."""
    return any((path / marker).is_file() for marker in MARKERS)


class _explained:
    """Turns tensorstore's errors into ours: its messages start with a status in capitals."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, ValueError) or isinstance(error, BadInput):
            return
        reason = str(error).split(" [")[0]
        if reason.startswith(("ABORTED", "UNAVAILABLE", "DEADLINE_EXCEEDED")):
            raise Retryable(f"{self._uri} cannot be reached: {reason}", "check the address and the network") from error
        raise BadInput(f"{self._uri} cannot be read as Zarr: {reason}", "copy or write it again") from error


def _store(uri: str) -> str:
    """The URI in the form tensorstore takes for a folder of files."""
    return f"{uri if uri.startswith(_REMOTE) else Path(uri).absolute().as_uri()}/"


def read_json(uri: str, name: str) -> dict[str, Any]:
    """A metadata document of a Zarr folder, empty where there is none.

    Raises
    ------
    BadInput
        When it is not JSON.
    Retryable
        When the server cannot be reached.
    """
    import tensorstore as ts

    with _explained(uri):
        store = ts.KvStore.open(_store(uri), context=ts.Context(_CONTEXT)).result()
        try:
            found = store.read(name).result()
        except ValueError as error:
            if not str(error).startswith("PERMISSION_DENIED"):
                raise
            return {}  # a bucket that must not be listed says so of what is not there
    if found.state != "value":
        return {}
    try:
        document = json.loads(found.value)
    except ValueError as error:
        raise BadInput(f"{uri}/{name} is not JSON", "copy or write it again") from error
    return document if isinstance(document, dict) else {}


def _attributes(uri: str) -> dict[str, Any]:
    """The attributes OME-Zarr uses: under ``ome`` since 0.5, in a file of their own before."""
    current = read_json(uri, "zarr.json").get("attributes", {})
    return current.get("ome", current) if current else read_json(uri, ".zattrs")


def multiscale(attributes: dict[str, Any]) -> dict[str, Any] | None:
    """The image that a group's OME-Zarr attributes describe; ``None`` where they describe none."""
    images = attributes.get("multiscales")
    return images[0] if images and images[0].get("datasets") else None


def _open_array(uri: str) -> Any:
    """Open for reading, with a cache that holds the chunks one slice cuts."""
    import tensorstore as ts

    driver = "zarr3" if read_json(uri, "zarr.json") else "zarr"
    if driver == "zarr" and not read_json(uri, ".zarray"):
        raise BadInput(f"{uri} is no Zarr image", "give the folder or address of an OME-Zarr image that may be read")
    spec = {"driver": driver, "kvstore": _store(uri)}
    with _explained(uri):
        array: Any = ts.open(spec, read=True, open=True, context=ts.Context(_CONTEXT)).result()
        chunk = array.chunk_layout.read_chunk.shape[-3:]
        size = layer_bytes(array.shape[-3:], chunk, np.dtype(array.dtype.numpy_dtype).itemsize)
        context = ts.Context(_CONTEXT | {"cache_pool": {"total_bytes_limit": size}})
        return ts.open(spec, read=True, open=True, context=context).result()


def stated_voxel_A(image: dict[str, Any] | None, path: str, axes: int) -> Sequence[float] | None:
    """Scale × unit of the last three axes, in Å; ``None`` where either is missing."""
    if image is None:
        return None
    dataset = next((each for each in image["datasets"] if str(each["path"]) == path), None)
    described = image.get("axes", [])[-3:]
    units = [unit_A(axis.get("unit")) if isinstance(axis, dict) else None for axis in described]
    if dataset is None or len(units) < 3 or None in units:
        return None
    scale = np.ones(axes)
    steps = [*dataset.get("coordinateTransformations", []), *image.get("coordinateTransformations", [])]
    scales = [step["scale"] for step in steps if step.get("type") == "scale"]
    if not scales or any(len(each) != axes for each in scales):
        return None
    for each in scales:
        scale = scale * each
    return [float(size) * float(unit or 0) for size, unit in zip(scale[-3:], units, strict=True)]
