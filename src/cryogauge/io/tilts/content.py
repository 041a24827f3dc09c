"""Fingerprint of a tilt series with all the files that say how to read it."""

import hashlib
from pathlib import Path

from cryogauge.io.content import content_key
from cryogauge.io.tilts.aretomo import TLT_END
from cryogauge.io.tilts.relion import SEPARATOR, series_star

_ENDS = (".mdoc", ".tlt", ".rawtlt", ".xf", ".xtilt", ".aln", TLT_END)
_COMMAND = "tilt.com"


def tilt_series_key(uri: str, alignment: str | Path | None = None) -> str:
    """Fingerprint of what ``read_tilt_series`` would read: images, angles, doses and alignment.

    A series whose alignment changes, comes or goes is another one. Of movies only their names count.

    Parameters
    ----------
    uri, alignment
        As ``read_tilt_series`` takes them.

    Returns
    -------
    str
        32 hexadecimal digits.

    Raises
    ------
    BadInput
        When a file is missing or may not be read.
    """
    path = Path(uri.partition(SEPARATOR)[0])
    files = {path}
    if path.suffix.lower() == ".star":
        files.add(series_star(uri)[0])
    names = {path.stem, Path(path.stem).stem}
    for name in names:
        for end in (*_ENDS, f"{path.suffix}.mdoc"):
            files.add(path.with_name(name + end))
    files.add(path.with_name(_COMMAND))
    if alignment is not None:
        files.add(Path(alignment))
    digest = hashlib.blake2b(digest_size=16)
    for each in sorted(files):
        if each.is_file() or each in (path, alignment):
            digest.update(f"{each.name}\0{content_key(each)}\0".encode())
    return digest.hexdigest()
