"""Makes the OME-Zarr 0.5 fixtures with zarr 3, which cannot be installed beside copick 1.

Run once, in an environment of its own: ``pip install 'zarr>=3,<4' && python make_ome_zarr_0_5.py``.
The images hold ``values()``; written by zarr 3.1.6.
"""

import sys
from pathlib import Path

import numpy as np


def values() -> np.ndarray:
    """The voxels of all fixtures: int16, (6, 20, 24), all different."""
    return (np.arange(6 * 20 * 24, dtype=np.int16) * 11 - 9000).reshape(6, 20, 24)


def _attributes(axes: str, unit: str, size: float) -> dict:
    kinds = {"t": "time", "c": "channel"}
    described = [
        {"name": a, "type": kinds[a]} if a in kinds else {"name": a, "type": "space", "unit": unit} for a in axes
    ]
    datasets = [
        {
            "path": str(level),
            "coordinateTransformations": [
                {"type": "scale", "scale": [1.0 if a in kinds else size * 2**level for a in axes]}
            ],
        }
        for level in (0, 1)
    ]
    return {"ome": {"version": "0.5", "multiscales": [{"name": "tomogram", "axes": described, "datasets": datasets}]}}


def main(folder: Path) -> None:
    """Write the fixtures."""
    import zarr
    from zarr.codecs import BloscCodec, ZstdCodec

    cases = {
        "v05_blosc.zarr": ("zyx", "angstrom", 13.48, None, BloscCodec(cname="lz4", shuffle="shuffle")),
        "v05_sharded_zstd.zarr": ("czyx", "nanometer", 1.348, (1, 6, 10, 12), ZstdCodec(level=5)),
    }
    for name, (axes, unit, size, shards, compressor) in cases.items():
        group = zarr.open_group(folder / name, mode="w", zarr_format=3, attributes=_attributes(axes, unit, size))
        lead = (1,) * (len(axes) - 3)
        for level in (0, 1):
            data = values()[:: 2**level, :: 2**level, :: 2**level].reshape(*lead, *np.array([6, 20, 24]) // 2**level)
            kwargs = {"shards": shards} if level == 0 and shards else {}
            array = group.create_array(
                str(level),
                shape=data.shape,
                chunks=(*lead, 3, 10, 12),
                dtype=data.dtype,
                compressors=compressor,
                dimension_names=list(axes),
                **kwargs,
            )
            array[:] = data


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
