"""Conformance of a file format: call ``check_format`` from a test of your own.

Register the format under the entry-point group ``cryogauge.formats`` and let pytest run::

    from cryogauge.testing.formats import check_format

    def test_conforms(tmp_path):
        check_format(MyFormat(), write_my_file, tmp_path)
"""

import gc
from collections.abc import Callable
from pathlib import Path

import numpy as np

from cryogauge.records import BadInput, Volume
from cryogauge.records.plugins import VolumeFormat

#: ``make(folder, data, voxel_size_A) -> uri``: write data (z, y, x), int16, with a voxel size in Å or, for
#: ``None``, with none. Returns ``None`` where the format cannot leave the size out.
MakeFile = Callable[[Path, np.ndarray, float | None], str | None]

_VOXEL_A = 13.5


def check_format(plugin: VolumeFormat, make_file: MakeFile, folder: Path) -> None:
    """Try a format on small files that ``make_file`` writes.

    Parameters
    ----------
    plugin
        The format.
    make_file
        Writes a file of the format; independent code makes the better test.
    folder
        An empty folder to write into.

    Raises
    ------
    AssertionError
        With a sentence that says what the format should have done.
    """
    data = np.random.default_rng(7).integers(-3000, 3000, (7, 12, 9)).astype(np.int16)
    uri = make_file(_new(folder, "plain"), data, _VOXEL_A)
    assert uri is not None, "make_file must write a file that states its voxel size"
    _check_description(plugin, uri, folder)
    before = _contents(folder)
    scratch = _new(folder, "scratch")
    volume = plugin.open(uri, None, scratch)
    _check_volume(volume, data, uri)
    _check_given_size(plugin, uri, scratch)
    del volume
    gc.collect()
    assert not list(scratch.iterdir()), "nothing may stay in the scratch folder once the volume is gone"
    scratch.rmdir()
    assert _contents(folder) == before, "opening and reading must not change the input"
    _check_refusals(plugin, make_file, folder, data)


def _check_description(plugin: VolumeFormat, uri: str, folder: Path) -> None:
    assert isinstance(plugin, VolumeFormat), "a format has name, suffixes, recognises and open"
    assert plugin.name.isidentifier(), f"the name {plugin.name!r} is not one word"
    for suffix in plugin.suffixes:
        assert suffix == f".{suffix[1:].lower()}", f"{suffix!r} is not a suffix such as .mrc"
    assert plugin.recognises(uri), f"the format does not recognise its own {uri}"
    other = _new(folder, "other") / "letter.docx"
    other.write_text("not a tomogram")
    assert not plugin.recognises(str(other)), "the format recognises a letter"
    assert not plugin.recognises(str(other.parent)), "the format recognises any folder"
    assert not plugin.recognises(str(folder / "nowhere" / "nothing.docx")), "recognises is to say no, not to raise"


def _check_volume(volume: Volume, data: np.ndarray, uri: str) -> None:
    assert volume.shape == data.shape, f"the shape is {volume.shape}, not (z, y, x) {data.shape}"
    assert np.isclose(volume.voxel_size_A, _VOXEL_A, rtol=1e-5), f"the voxel size is {volume.voxel_size_A} Å"
    assert volume.source == uri, "source is not the URI it was opened by"
    held = volume.data
    assert isinstance(held, np.memmap) or not isinstance(held, np.ndarray), "the data were read, not opened"
    assert np.dtype(held.dtype).kind in "iuf", f"the data are of type {held.dtype}, not real numbers"
    for z in (0, 3, -1):
        assert volume.slice(z).dtype == np.float32
        assert np.array_equal(volume.slice(z), data[z]), f"slice {z} has other values than were written"
    for key in (
        slice(2, 5),
        slice(None, None, -2),
        slice(5, 5),
        (slice(1, 6), 4),
        (slice(None), slice(None), 2),
        (-2, slice(3, 9, 2), slice(None, 5)),
        (..., 0),
    ):
        assert np.array_equal(np.asarray(held[key]), data[key]), f"data[{key}] differs from what numpy gives"
    assert np.array_equal(np.asarray(held), data), "all of the data differ from what was written"
    assert (held.ndim, len(held)) == (3, len(data)), "the data lack ndim or len()"
    try:
        held[len(data)]
    except IndexError:
        return
    raise AssertionError("a slice past the end must raise IndexError, or loops over the data never end")


def _check_given_size(plugin: VolumeFormat, uri: str, scratch: Path) -> None:
    assert plugin.open(uri, 7.25, scratch).voxel_size_A == 7.25, "a given pixel size must win over the file's"


def _check_refusals(plugin: VolumeFormat, make_file: MakeFile, folder: Path, data: np.ndarray) -> None:
    unsized = make_file(_new(folder, "unsized"), data, None)
    if unsized is not None:
        error = _refusal(plugin, unsized, "a file without voxel size")
        assert "--pixel-size" in error.hint, "the hint for a missing voxel size must name --pixel-size"
        assert plugin.open(unsized, 7.25, None).voxel_size_A == 7.25, "a given size must do for a file without one"
    flat = make_file(_new(folder, "flat"), data[:1], _VOXEL_A)
    assert flat is not None, "make_file must write a single slice"
    error = _refusal(plugin, flat, "a single slice")
    assert "--slices" in error.hint, "the hint for a single image must name --slices"
    whole = make_file(_new(folder, "damaged"), data, _VOXEL_A)
    if whole is not None and Path(whole).is_file():
        content = Path(whole).read_bytes()
        for what, damaged in (
            ("a file cut in half", content[: len(content) // 2]),
            ("a text", b"Dear reader, this is a letter.\n" * 200),
            ("three bytes", b"abc"),
        ):
            Path(whole).write_bytes(damaged)
            assert _refusal(plugin, whole, what).message, "the message is empty"


def _refusal(plugin: VolumeFormat, uri: str, what: str) -> BadInput:
    try:
        plugin.open(uri, None, None)
    except BadInput as error:
        return error
    raise AssertionError(f"{what} must raise BadInput")


def _new(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
