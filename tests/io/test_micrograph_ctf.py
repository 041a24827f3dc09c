"""RELION's tables of micrographs, as its versions write them."""

import numpy as np
import pytest

from cryogauge.io.micrograph_ctf import read_micrograph_ctf
from cryogauge.records import BadInput

OPTICS = """
# version 30001

data_optics

loop_
_rlnOpticsGroupName #1
_rlnOpticsGroup #2
_rlnMicrographOriginalPixelSize #3
_rlnVoltage #4
_rlnSphericalAberration #5
_rlnAmplitudeContrast #6
_rlnMicrographPixelSize #7
opticsGroup1            1     0.885000   200.000000     1.400000     0.100000     0.885000

"""
BLOCK = """
# version {version}

data_{block}

loop_
_rlnMicrographName #1
_rlnOpticsGroup #2
_rlnCtfImage #3
_rlnDefocusU #4
_rlnDefocusV #5
_rlnCtfAstigmatism #6
_rlnDefocusAngle #7
_rlnCtfFigureOfMerit #8
_rlnCtfMaxResolution #9
Micrographs/one.mrc 1 job003/one.ctf:mrc 10863.857422 10575.793945 288.063477 77.967194 0.131144 4.809192
Micrographs/two.tif 1 job003/two.ctf:mrc 15000.0 15400.0 -400.0 -20.0 0.05 -1.0

"""
VERSIONS = {
    "3.0": BLOCK.format(version="30000", block=""),
    "3.1": OPTICS + BLOCK.format(version="30001", block="micrographs"),
    "5": (OPTICS + BLOCK.format(version="50001", block="micrographs")).replace("30001", "50001"),
}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version(tmp_path, version):
    path = tmp_path / "micrographs_ctf.star"
    path.write_text(VERSIONS[version])
    table = read_micrograph_ctf(path)
    assert list(table.index) == ["one", "two"]
    one = table.loc["one"]
    assert one["micrograph"] == "Micrographs/one.mrc"
    assert one["defocus_A"] == pytest.approx(10_719.825684)
    assert one["astigmatism_A"] == pytest.approx(288.063477)
    assert one["astigmatism_deg"] == pytest.approx(77.967194)
    assert (one["ctf_correlation"], one["ctf_resolution_A"]) == pytest.approx((0.131144, 4.809192))
    two = table.loc["two"]
    assert (two["astigmatism_A"], two["astigmatism_deg"]) == pytest.approx((400.0, 70.0))  # that of the second, larger
    assert two["ctf_resolution_A"] == np.inf


def test_columns_that_older_programs_do_not_write(tmp_path):
    path = tmp_path / "micrographs_ctf.star"
    rows = "data_\n\nloop_\n_rlnMicrographName\n_rlnDefocusU\n_rlnDefocusV\n_rlnDefocusAngle\na.mrc 9000 8000 10\n"
    path.write_text(rows)
    table = read_micrograph_ctf(path)
    assert table["defocus_A"].to_list() == [8500]
    assert table[["ctf_correlation", "ctf_resolution_A"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (lambda text: text.replace("data_micrographs", "data_particles"), "no table of micrographs"),
        (lambda text: text.replace("_rlnDefocusU", "_rlnSomething"), "no table of micrographs"),
        (lambda text: text.replace("_rlnCtfImage", "_rlnImageName"), "of particles"),
        (lambda text: text.replace("two.tif", "one.tif"), "two micrographs called one"),
        (lambda text: text.replace("15400.0", "inf"), "no number"),
        (lambda text: text.replace("15400.0", "far"), "no numbers as rlnDefocusV"),
        (lambda text: text[: text.index("15400.0")], "damaged"),
        (lambda text: "", "no table of micrographs|no STAR"),
    ],
)
def test_what_is_none(tmp_path, changed, told):
    path = tmp_path / "micrographs_ctf.star"
    path.write_text(changed(VERSIONS["3.1"]))
    with pytest.raises(BadInput, match=told):
        read_micrograph_ctf(path)
