"""Opening by whichever format knows the file."""

import logging
import os
import pathlib
import subprocess
import sys
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from cryogauge.io import formats, open_volume, write_mrc
from cryogauge.records import BadInput


@pytest.fixture
def fresh_registry():
    formats.registered_formats.cache_clear()
    yield
    formats.registered_formats.cache_clear()


def test_what_cannot_be_opened(tmp_path):
    with pytest.raises(BadInput, match="does not exist"):
        open_volume(tmp_path / "nothing.mrc")
    with pytest.raises(BadInput, match="is a folder"):
        open_volume(tmp_path)
    (tmp_path / "a.docx").write_text("letter")
    with pytest.raises(BadInput, match="no known format") as caught:
        open_volume(tmp_path / "a.docx")
    assert ".mrc" in caught.value.hint
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(BadInput) as caught:
        open_volume(tmp_path / "a.png")
    assert "--slices" in caught.value.hint


def test_unreadable(tmp_path, monkeypatch):
    write_mrc(tmp_path / "t.mrc", np.zeros((2, 2, 2), np.float32), 10.0)

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pathlib.Path, "open", refuse)
    with pytest.raises(BadInput, match="may not be read"):
        open_volume(tmp_path / "t.mrc")


def test_a_plug_in_that_cannot_be_loaded_is_left_out(fresh_registry, monkeypatch, caplog):
    good = [EntryPoint("mrc", "cryogauge.io.mrc:FORMAT", "cryogauge.formats")]
    bad = [
        EntryPoint("absent", "no_such_package.module:FORMAT", "cryogauge.formats"),
        EntryPoint("empty", "cryogauge.io.mrc:NOTHING", "cryogauge.formats"),
    ]
    monkeypatch.setattr(formats, "entry_points", lambda group: bad + good)
    with caplog.at_level(logging.WARNING, "cryogauge.io"):
        assert [each.name for each in formats.registered_formats()] == ["mrc"]
    assert "no_such_package" in caplog.text
    assert "NOTHING" in caplog.text


def test_importing_io_loads_no_format_library():
    heavy = ("h5py", "tensorstore", "copick", "tifffile", "mdocfile", "PIL", "zarr", "scipy")
    loaded = f"sorted(set({heavy!r}) & sys.modules.keys())"
    code = f"import cryogauge.io, sys; cryogauge.io.registered_formats(); print({loaded})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == "[]"
