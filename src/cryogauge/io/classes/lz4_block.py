"""One LZ4 block, unpacked: cryoSPARC packs the columns of its newer files so (LZ4 block format, by its description)."""


def unpack_lz4(packed: bytes, size: int) -> bytes:
    """The bytes of a block.

    Parameters
    ----------
    packed
        The block.
    size
        How many bytes it must give.

    Raises
    ------
    ValueError
        When the block is damaged.
    """
    out = bytearray()
    place, end = 0, len(packed)
    try:
        while place < end:
            token = packed[place]
            place += 1
            literals = token >> 4
            if literals == 15:
                literals, place = _longer(packed, place, literals)
            if place + literals > end:
                raise ValueError("a block of LZ4 is cut off")
            out += packed[place : place + literals]
            place += literals
            if place >= end:
                break
            back = packed[place] | packed[place + 1] << 8
            place += 2
            match = token & 15
            if match == 15:
                match, place = _longer(packed, place, match)
            _repeat(out, back, match + 4)
            if len(out) > size:
                raise ValueError("a block of LZ4 gives more than it should")
    except IndexError as error:
        raise ValueError("a block of LZ4 is cut off") from error
    if len(out) != size:
        raise ValueError(f"a block of LZ4 gives {len(out)} bytes, not {size}")
    return bytes(out)


def _longer(packed: bytes, place: int, length: int) -> tuple[int, int]:
    while True:
        more = packed[place]
        place += 1
        length += more
        if more != 255:
            return length, place


def _repeat(out: bytearray, back: int, length: int) -> None:
    """Append ``length`` bytes from ``back`` before the end; they may reach into what is appended."""
    start = len(out) - back
    if back == 0 or start < 0:
        raise ValueError("a block of LZ4 reaches before its beginning")
    if back >= length:
        out += out[start : start + length]
    else:
        piece = out[start:]
        out += (piece * (length // back + 1))[:length]
