"""The one door to class averages, whatever program made them."""

from collections.abc import Sequence
from pathlib import Path

from cryogauge.io.classes.cryosparc import is_cryosparc, open_cryosparc
from cryogauge.io.classes.eman import is_eman, open_eman
from cryogauge.io.classes.plain import open_pictures, open_stack, pictures_in
from cryogauge.io.classes.relion import is_relion, open_relion
from cryogauge.io.formats import PICTURE_SUFFIXES
from cryogauge.io.voxel import check_given
from cryogauge.records import BadInput, ClassStack


def open_classes(
    path: str | Path | Sequence[str | Path], *, pixel_size_A: float | None = None, iteration: int | None = None
) -> ClassStack:
    """Read the class averages of a job, of one of its files, or of a plain stack.

    Parameters
    ----------
    path
        A job folder of RELION or cryoSPARC, or one of its files; an HDF file of EMAN2; an MRC or TIFF stack; a folder
        or a list of PNG or JPEG pictures, a class each.
    pixel_size_A
        Edge of a pixel in Å, which takes precedence over what files say.
    iteration
        Of a job that keeps several; the last that is whole, or the file's own, where it is None.

    Returns
    -------
    The averages with what the program tells of them; ``notes`` says what is missing or was assumed.

    Raises
    ------
    BadInput
        When there are no averages, they are not square, or the files do not belong together.

    Examples
    --------
    >>> stack = open_classes("Class2D/job012")  # doctest: +SKIP
    >>> stack.table[["class", "resolution_A"]]  # doctest: +SKIP
    """
    check_given(pixel_size_A)
    if not isinstance(path, (str, Path)):
        return _open_list([Path(each) for each in path], pixel_size_A)
    path = Path(path)
    if not path.exists():
        raise BadInput(f"{path} does not exist", "check the path")
    try:
        return _open(path, pixel_size_A, iteration)
    except PermissionError as error:
        raise BadInput(f"{path} may not be read", "ask its owner for permission") from error


def _open(path: Path, pixel_size_A: float | None, iteration: int | None) -> ClassStack:
    if is_relion(path):
        return open_relion(path, pixel_size_A, iteration)
    if is_cryosparc(path):
        return open_cryosparc(path, pixel_size_A, iteration)
    if iteration is not None:
        raise BadInput(f"{path} has no iterations to choose from", "leave the iteration out")
    if path.is_dir():
        pictures = pictures_in(path)
        if not pictures:
            raise BadInput(
                f"{path} holds no class averages: no run_itNNN_classes.mrcs, no class_averages, no pictures",
                "give the folder of a finished 2-D classification, or a file of averages",
            )
        return open_pictures(pictures, pixel_size_A, str(path))
    if is_eman(path):
        return open_eman(path, pixel_size_A)
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return open_pictures([path], pixel_size_A, str(path))
    return open_stack(path, pixel_size_A)


def _open_list(paths: list[Path], pixel_size_A: float | None) -> ClassStack:
    if not paths or any(path.suffix.lower() not in PICTURE_SUFFIXES for path in paths):
        raise BadInput("a list of averages must name PNG or JPEG pictures", "give other files one by one")
    return open_pictures(paths, pixel_size_A, str(paths[0].parent))
