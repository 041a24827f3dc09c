"""Writes what EPU writes: a picture and its XML, with the elements and units of EPU 3.9."""

import mrcfile
import numpy as np
from PIL import Image

TEMPLATE = """<?xml version="1.0" encoding="utf-8"?>
<MicroscopeImage xmlns="http://schemas.datacontract.org/2004/07/Fei.SharedObjects"
    xmlns:i="http://www.w3.org/2001/XMLSchema-instance">
  <CustomData xmlns:a="http://schemas.microsoft.com/2003/10/Serialization/Arrays">
    <a:KeyValueOfstringanyType><a:Key>DetectorCommercialName</a:Key><a:Value>BioQuantum K3</a:Value>
    </a:KeyValueOfstringanyType>
    <a:KeyValueOfstringanyType><a:Key>Dose</a:Key><a:Value>{dose_e_m2}</a:Value></a:KeyValueOfstringanyType>
    <a:KeyValueOfstringanyType><a:Key>AppliedDefocus</a:Key><a:Value>{defocus_m}</a:Value></a:KeyValueOfstringanyType>
  </CustomData>
  <SpatialScale><pixelSize><x><numericValue>{pixel_m}</numericValue></x></pixelSize></SpatialScale>
  <microscopeData>
    <acquisition><acquisitionDateTime>{taken}</acquisitionDateTime>
      <camera><ReadoutArea xmlns:a="http://schemas.datacontract.org/2004/07/System.Drawing">
        <a:height>{height}</a:height><a:width>{width}</a:width><a:x>0</a:x><a:y>0</a:y></ReadoutArea></camera>
    </acquisition>
    <optics><EnergyFilter><EnergySelectionSlitInserted>true</EnergySelectionSlitInserted></EnergyFilter></optics>
    <stage><Position><A>0.1745329252</A><B>0</B><X>-9.71E-05</X><Y>0.000152</Y><Z>8.5E-05</Z></Position></stage>
  </microscopeData>
</MicroscopeImage>
"""
PLACES = {
    "square": "Images-Disc1/GridSquare_100/GridSquare_20250108_15{:04d}",
    "hole": "Images-Disc1/GridSquare_100/FoilHoles/FoilHole_200_20250108_15{:04d}",
    "exposure": "Images-Disc1/GridSquare_100/Data/FoilHole_200_Data_300_6_20250108_15{:04d}",
}


def write(folder, mode="exposure", number=0, shape=(12, 16), suffix=".mrc", picture=None, **changed):
    path = folder / PLACES[mode].format(number)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.arange(shape[0] * shape[1]).reshape(shape) % 251
    picture = shape if picture is None else picture
    data = data[: picture[0], : picture[1]]
    if suffix == ".mrc":
        with mrcfile.new(path.with_suffix(suffix)) as file:
            file.set_data(data.astype(np.int16))
    elif suffix:
        Image.fromarray(data.astype(np.uint8)).save(path.with_suffix(suffix))
    values = {"dose_e_m2": "5E+21", "defocus_m": "-2.7E-06", "pixel_m": "1.0558E-10"}
    values |= {"taken": f"2025-01-08T15:49:{number:02d}.1158288+00:00", "height": shape[0], "width": shape[1]}
    path.with_suffix(".xml").write_text(TEMPLATE.format(**{**values, **changed}))
    return path
