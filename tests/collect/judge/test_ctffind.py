import stat

import numpy as np
import pytest

from cryogauge.collect.judge.ctffind import ctffind, find_ctffind, parse_ctffind
from cryogauge.records import BadInput, Retryable

TABLE = """# Output from CTFFind version 4.1.13, run on 2021-05-05
# Input file: image.mrc ; Number of micrographs: 1
# Pixel size: 1.350 Angstroms ; acceleration voltage: 300.0 keV
# Columns: #1 - micrograph number; #2 - defocus 1 [Angstroms]; #3 - defocus 2; #4 - azimuth of astigmatism; #5 - phase
1.000000 15200.5 14800.5 -35.0 0.000000 0.1234 4.25
"""
LENS = {"voltage_kV": 300.0, "cs_mm": 2.7, "amplitude_contrast": 0.1}


def stand_in(tmp_path, monkeypatch, body: str) -> None:
    """A program in place of CTFFIND that keeps what it was told."""
    program = tmp_path / "ctffind"
    program.write_text(f"#!/bin/sh\ncat > '{tmp_path}/asked'\n{body}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("CRYOGAUGE_CTFFIND", str(program))


def test_its_table_is_read():
    fit = parse_ctffind(TABLE, "a table")
    assert fit.defocus_A == pytest.approx(15_000.5)
    assert fit.astigmatism_A == pytest.approx(400)
    assert fit.astigmatism_deg == pytest.approx(145)
    assert fit.resolution_A == pytest.approx(4.25)


def test_rings_that_fit_nowhere_are_infinitely_coarse():
    assert parse_ctffind(TABLE.replace("4.25", "inf"), "a table").resolution_A == float("inf")


@pytest.mark.parametrize("text", ["", "# only words\n", "one two three\n", "1 2 3\n"])
def test_other_text_is_refused(text):
    with pytest.raises(BadInput, match="no table of CTFFIND"):
        parse_ctffind(text, "this")


def test_the_program_is_asked_and_its_answer_taken(tmp_path, monkeypatch):
    stand_in(tmp_path, monkeypatch, f"test -s image.mrc || exit 1\ncat > fit.txt <<'END'\n{TABLE}END")
    fit = ctffind(np.random.default_rng(0).random((64, 64)), 1.35, **LENS)
    assert fit.defocus_A == pytest.approx(15_000.5)
    assert (tmp_path / "asked").read_text().split()[:6] == ["image.mrc", "fit.mrc", "1.3500", "300", "2.7", "0.1"]


def test_a_program_that_fails_is_told(tmp_path, monkeypatch):
    stand_in(tmp_path, monkeypatch, "echo no licence; exit 3")
    with pytest.raises(Retryable, match="no licence"):
        ctffind(np.zeros((64, 64)), 1.35, **LENS)


def test_without_it_there_is_a_hint(monkeypatch):
    monkeypatch.setenv("CRYOGAUGE_CTFFIND", "/nowhere/ctffind")
    assert find_ctffind() is None
    with pytest.raises(BadInput, match="not on the PATH"):
        ctffind(np.zeros((64, 64)), 1.35, **LENS)
