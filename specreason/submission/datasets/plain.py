"""The plain text in a file: unpacked from gzip, in UTF-8, with a line break where a line ends."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from specreason.errors import InvalidField
from specreason.submission.datasets.kinds import GZIP, PARQUET
from specreason.submission.datasets.rows import Report
from specreason.submission.jsonl import LONGEST_LINE

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

HEAD = LONGEST_LINE + 1  # bytes at a file's beginning that tell what it is
MOST_UNPACKED = 1 << 32  # bytes
CHUNK = 1 << 16  # bytes
# The longer mark begins as the shorter one does.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)


def plain_text(file: BinaryIO, report: Report) -> tuple[bytes, BinaryIO]:
    """Return the first bytes of the plain text in `file`, and a file of all of it. Memory holds a chunk of it.

    Raises InvalidField, then or while it is read, for gzip or text that is broken, and for more than MOST_UNPACKED
    bytes.
    """
    head = _head(file)
    if head.startswith(GZIP):
        report.say("the file is unpacked from gzip")
        file = _Converted(partial(_unpacked, file)).buffered()
        head = _head(file)
        if head.startswith(PARQUET):
            raise InvalidField("file", "is Parquet inside gzip; unpack it (gunzip)")
    for mark, encoding, name in MARKS:
        if head.startswith(mark):
            report.say(f"the file is read as {name}")
            file = _Converted(partial(_recoded, file, encoding)).buffered()
            head = _head(file)
            break
    if b"\r" in head and b"\n" not in head and not head.startswith(PARQUET):
        file = _Converted(partial(_with_line_breaks, file)).buffered()
        head = _head(file)
    return head, file


class _Converted(io.RawIOBase):
    """A file of the chunks that `begin` yields, each time from the first one."""

    def __init__(self, begin: Callable[[], Iterator[bytes]]) -> None:
        self._begin = begin
        self._chunks, self._rest, self._position = begin(), b"", 0

    def buffered(self) -> BinaryIO:
        return io.BufferedReader(self, CHUNK)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        while not self._rest and (chunk := next(self._chunks, None)) is not None:
            self._rest = chunk
        into = memoryview(buffer)
        size = min(len(into), len(self._rest))
        into[:size], self._rest = self._rest[:size], self._rest[size:]
        self._position += size
        return size

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Seek to the beginning, or nowhere."""
        if (offset, whence) == (0, io.SEEK_SET):
            self._chunks, self._rest, self._position = self._begin(), b"", 0
        elif (offset, whence) != (0, io.SEEK_CUR):
            raise io.UnsupportedOperation
        return self._position


def _head(file: BinaryIO) -> bytes:
    file.seek(0)
    head = file.read(HEAD)
    file.seek(0)
    return head


def _chunks_of(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while chunk := file.read(CHUNK):
        yield chunk


def _unpacked(packed: BinaryIO) -> Iterator[bytes]:
    packed.seek(0)
    unpacked = gzip.GzipFile(fileobj=packed, mode="rb")
    size = 0
    while True:
        try:
            chunk = unpacked.read(CHUNK)
        except (OSError, EOFError, zlib.error) as error:
            raise InvalidField("file", f"is gzip that is broken or cut off ({error})") from error
        if not chunk:
            return
        size += len(chunk)
        if size > MOST_UNPACKED:
            raise InvalidField("file", f"unpacks to more than {MOST_UNPACKED} bytes; split it")
        yield chunk


def _recoded(text: BinaryIO, encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for chunk in _chunks_of(text):
            yield decoder.decode(chunk).encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:
        raise InvalidField("file", f"is {encoding.upper()} that is broken or cut off ({error})") from error


def _with_line_breaks(old: BinaryIO) -> Iterator[bytes]:
    """Replace the carriage returns with which lines ended on the first Macs."""
    for chunk in _chunks_of(old):
        yield chunk.replace(b"\r", b"\n")
