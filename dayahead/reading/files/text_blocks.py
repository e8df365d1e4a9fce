"""Reads a text file as blocks of whole lines in UTF-8, whatever its encoding, compression and line ends are.

With `encoding: auto` the first bytes decide where they are a mark of UTF-8 or UTF-16. Otherwise each line is UTF-8 if
it is valid UTF-8, else Windows-1252. This is decided line by line since it needs no second pass over the file, gives
the same result for every file in one encoding, and one damaged byte does not change the letters of all other lines.
"""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dayahead.errors import SourceRefused, SourceUnavailable
from dayahead.reading.files.file_format import check_text
from dayahead.reading.files.found_files import COMPRESSED
from dayahead.record_format import AUTO

BLOCK_BYTES = 16 << 20
"""About 400,000 lines of an hourly file: enough for all processors, and a small part of a gigabyte."""

WESTERN = "windows-1252"
UTF_8 = "utf-8"
MARKS = ((codecs.BOM_UTF8, UTF_8), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
SAMPLE_BYTES = 1000
ZEROS_OF_UTF_16 = 4
"""Text in UTF-16 has a zero byte in at least so many bytes, unless hardly any letter of it is Latin."""


@dataclass(frozen=True)
class TextBlock:
    r"""Some lines of a file.

    Attributes:
        data: UTF-8 with `\n` after each line, but perhaps not after the last line of the file.
        first_line: number of its first line, from 1.
        is_last: whether the file ends with it.
        is_utf8: False if some lines are not valid UTF-8, although the source says so.
    """

    data: bytes
    first_line: int
    is_last: bool
    is_utf8: bool = True

    @cached_property
    def line_count(self) -> int:
        """Number of lines."""
        return self.data.count(b"\n") + (bool(self.data) and not self.data.endswith(b"\n"))


def text_blocks(
    path: Path, encoding: str, block_bytes: int = BLOCK_BYTES, body: bytes | None = None
) -> Iterator[TextBlock]:
    """Read a file lazily.

    Args:
        path: the file; its last ending says how it is compressed.
        encoding: as in the source.
        block_bytes: approximate size of a block.
        body: of an answer that is no file; `path` is then only its name in messages.

    Raises:
        SourceUnavailable: the file is empty.
        SourceRefused: it is not text.
        OSError, pa.ArrowException, UnicodeError: the file is damaged or still being written.
    """
    line = 1
    rest = b""
    chunks = _chunks(path, block_bytes) if body is None else _parts(body, block_bytes)
    pieces = _unified(_decoded(chunks, encoding, path))
    piece = next(pieces, b"")
    if not piece:  # nothing but a byte order mark
        raise _empty(path)
    while piece:
        following = next(pieces, b"")
        data = rest + piece
        end = len(data) if not following else data.rfind(b"\n") + 1
        rest = data[end:]
        if len(rest) > block_bytes:
            raise SourceRefused(f"{path} has a line of more than {block_bytes} bytes: it is no text file with columns")
        if end:
            block = _as_utf8(data[:end], line, encoding, is_last=not following)
            line += block.line_count
            yield block
        piece = following


def _chunks(path: Path, size: int) -> Iterator[bytes]:
    """The bytes of a file, without its compression."""
    compression = COMPRESSED.get(path.suffix.lower())
    with pa.OSFile(str(path), "r") as file:
        stream: Any = pa.CompressedInputStream(file, compression) if compression else file
        while chunk := stream.read(size):
            yield chunk


def _parts(body: bytes, size: int) -> Iterator[bytes]:
    return (body[place : place + size] for place in range(0, len(body), size))


def _decoded(chunks: Iterator[bytes], encoding: str, path: Path) -> Iterator[bytes]:
    """Bytes as UTF-8, or as they are where that is decided line by line."""
    first = next(chunks, b"")
    if not first:
        raise _empty(path)
    check_text(first, path)  # again: of what was compressed
    name = _encoding_of(first, encoding, path)
    if name == UTF_8:
        yield first.removeprefix(codecs.BOM_UTF8)
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder(name)(errors="replace" if name == WESTERN else "strict")
    yield decoder.decode(first).encode()
    for chunk in chunks:
        yield decoder.decode(chunk).encode()
    yield decoder.decode(b"", final=True).encode()


def _empty(path: Path) -> SourceUnavailable:
    return SourceUnavailable(f"{path} is empty: it may be about to be written", cause="bad_answer")


def _encoding_of(first: bytes, encoding: str, path: Path) -> str:
    """Python's name of the encoding of a file; UTF-8 where it is decided line by line."""
    marked = next((name for mark, name in MARKS if first.startswith(mark)), None)
    if encoding in (AUTO, UTF_8) and marked:
        return marked
    if encoding == AUTO:
        encoding = UTF_8
    if encoding == "utf-16" and marked is None:
        return "utf-16-be" if _zeros(first, 0) > _zeros(first, 1) else "utf-16-le"
    sample = first[:SAMPLE_BYTES]
    if encoding == UTF_8 and sample.count(0) * ZEROS_OF_UTF_16 > len(sample):
        raise SourceRefused(f"{path} has zero bytes, which text does not have: if it is UTF-16, set encoding: utf-16")
    return encoding


def _zeros(data: bytes, place: int) -> int:
    return data[place:SAMPLE_BYTES:2].count(0)


def _unified(pieces: Iterator[bytes]) -> Iterator[bytes]:
    r"""Pieces with `\n` at the end of each line; no piece is empty."""
    held = b""
    for given in pieces:
        piece = held + given
        held = b""
        if b"\r" in piece:
            if piece.endswith(b"\r"):  # the next piece may start with its \n
                piece, held = piece[:-1], b"\r"
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if piece:
            yield piece
    if held:
        yield b"\n"


def _as_utf8(data: bytes, line: int, encoding: str, *, is_last: bool) -> TextBlock:
    if data.isascii() or is_utf8(data):
        return TextBlock(data, line, is_last)
    if encoding != AUTO:
        return TextBlock(data, line, is_last, is_utf8=False)
    if not _may_have_utf8(data):
        return TextBlock(_western(data), line, is_last)
    lines = [one if is_utf8(one) else _western(one) for one in data.split(b"\n")]
    return TextBlock(b"\n".join(lines), line, is_last)


def is_utf8(data: bytes) -> bool:
    """Whether bytes are valid UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _may_have_utf8(data: bytes) -> bool:
    """Whether any byte that may start a character of UTF-8 is followed by one that may continue it."""
    codes = np.frombuffer(data, np.uint8)
    starts = (codes[:-1] >= 0xC2) & (codes[:-1] <= 0xF4)
    return bool((starts & (codes[1:] >= 0x80) & (codes[1:] <= 0xBF)).any())


def _western(data: bytes) -> bytes:
    return data.decode(WESTERN, errors="replace").encode()
