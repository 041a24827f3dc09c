"""Writes what Leginon writes: MRC files by its names, with the machine stamp and header of its own writer."""

import numpy as np

from cryogauge.io import write_mrc

SESSION = "26jun01b_grid2"
#: Tables of Leginon's database, by the columns that its query names; lengths in m, angles in radians.
DATABASE = """
CREATE TABLE SessionData (DEF_id, name);
CREATE TABLE AcquisitionImageData (DEF_id, DEF_timestamp, filename, `REF|SessionData|session`,
    `REF|ScopeEMData|scope`, `REF|CameraEMData|camera`, `REF|PresetData|preset`);
CREATE TABLE ScopeEMData (DEF_id, magnification, defocus, `REF|InstrumentData|tem`, `SUBD|stage position|x`,
    `SUBD|stage position|y`, `SUBD|stage position|z`, `SUBD|stage position|a`);
CREATE TABLE CameraEMData (DEF_id, `exposure time`, `SUBD|binning|x`, `REF|InstrumentData|ccdcamera`);
CREATE TABLE PresetData (DEF_id, dose, `exposure time`);
CREATE TABLE PixelSizeCalibrationData (DEF_id, magnification, pixelsize, `REF|InstrumentData|tem`,
    `REF|InstrumentData|ccdcamera`);
INSERT INTO SessionData VALUES (1, '26jun01b'), (2, 'another');
INSERT INTO ScopeEMData VALUES (1, 36000, -1.5e-6, 7, 1.2e-4, -3.4e-5, 1e-5, 0.1745329252);
INSERT INTO CameraEMData VALUES (1, 500.0, 2, 8);
INSERT INTO PresetData VALUES (1, 1e21, 250.0);
INSERT INTO PixelSizeCalibrationData VALUES (1, 36000, 9e-11, 7, 8), (2, 36000, 1.1e-10, 7, 8), (3, 36000, 5e-10, 7, 9);
INSERT INTO AcquisitionImageData VALUES
    (5, '2026-06-01 10:00:00', '26jun01b_grid2_00010gr_00002sq_00005hl_00003en', 1, 1, 1, 1),
    (6, '2026-06-01 10:01:00', '26jun01b_grid2_00010gr_00002sq_00005hl_00004en', 1, 1, 1, NULL),
    (7, '2026-06-01 10:02:00', 'another_00001gr', 2, 1, 1, 1);
"""


def write(folder, name, *, session=SESSION, shape=(12, 16), pixel_A=3.5, rawdata=True):
    path = (folder / "rawdata" if rawdata else folder) / f"{session}_{name}.mrc"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_mrc(path, np.arange(shape[0] * shape[1], dtype=np.int16).reshape(1, *shape) % 251, pixel_A)
    return path
