"""What a plug-in must be. Plug-ins register by entry points; the suites in ``cryogauge.testing`` try them."""

from pathlib import Path
from typing import Protocol, runtime_checkable

from cryogauge.records.volume import Volume

#: Entry-point group of file formats: ``name = "package.module:OBJECT"``.
FORMAT_GROUP = "cryogauge.formats"


@runtime_checkable
class VolumeFormat(Protocol):
    """A file format that holds tomograms.

    Attributes
    ----------
    name
        One word, the name it is registered by.
    suffixes
        Endings by which a search through folders finds its files, in small letters with the dot (``.mrc``,
        ``.mrc.gz``); empty when its items are never found that way.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def suffixes(self) -> tuple[str, ...]: ...  # noqa: D102

    def recognises(self, uri: str) -> bool:
        """Whether ``open`` should be tried on this path or URI. Decided by the name or a few bytes, never raises."""
        ...

    def open(self, uri: str, pixel_size_A: float | None, scratch: Path | None) -> Volume:
        """Open a tomogram without reading it.

        Parameters
        ----------
        uri
            Path or URI that ``recognises`` accepted.
        pixel_size_A
            Voxel edge in Å that takes precedence over the file's own, or ``None``.
        scratch
            Folder for what must be unpacked first, or ``None`` for the system's; nothing may stay in it once the
            volume is no longer used.

        Returns
        -------
        Volume
            Its data of shape (z, y, x) are read slice by slice as they are asked for.

        Raises
        ------
        BadInput
            When the file is damaged, of another kind, flat (one slice; the hint names ``--slices``) or does not
            know its voxel size and none was given (the hint names ``--pixel-size``).
        Retryable
            When something outside the file failed (no space for unpacking, no network).
        """
        ...
