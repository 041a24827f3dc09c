"""Where the specimen's fitted surfaces cut the XZ picture."""

from collections.abc import Mapping


def surface_lines(
    surfaces: Mapping[str, tuple[float, float, float]],
    xz_shape: tuple[int, ...],
    plane_shape: tuple[int, ...] | None,
    slices: int,
) -> dict[str, tuple[float, float]]:
    """Lines in which the surfaces cut the section at the middle y, as fractions of its height.

    Parameters
    ----------
    surfaces
        Planes ``z = a + b·x + c·y`` in voxels, ``{name: (a, b, c)}``.
    xz_shape
        Shape ``(z, x)`` of the picture, which shows the whole depth and width of the volume with square pixels.
    plane_shape
        Shape ``(y, x)`` of a picture of a whole slice, of any size; None where there is none: the volume is then
        taken to be as deep in y as in x.
    slices
        Number of slices of the volume.

    Returns
    -------
    ``{name: (at the left edge, at the right edge)}``: 0 is the picture's upper edge, where z is least, 1 the lower.
    A steep plane may lie outside 0–1 at an edge.
    """
    height, width = xz_shape
    voxels_x = width * slices / height
    voxels_y = voxels_x * plane_shape[0] / plane_shape[1] if plane_shape else voxels_x
    middle_y = (voxels_y - 1) / 2
    lines = {}
    for name, (a, b, c) in surfaces.items():
        # The picture's edges lie half a voxel outside the centres of the first and last voxel, along x and along z.
        left, right = (a + b * x + c * middle_y for x in (-0.5, voxels_x - 0.5))
        lines[name] = ((left + 0.5) / slices, (right + 0.5) / slices)
    return lines
