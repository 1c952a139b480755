"""Files of products: opened, recognised and split into rows. A bad row is yielded as such and stops nothing."""

import codecs
import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Literal

import msgspec

from unqueue.server.catalogue import columns, off
from unqueue.server.catalogue.csv_rows import CsvRows, HeaderUnreadable
from unqueue.server.catalogue.given import Given, RowRefused

Format = Literal["csv", "off-csv", "off-jsonl"]
ReadProgress = Callable[[int, int], None]
_SNIFFED_BYTES = 1 << 18
_RAW_MAX = 2000
_CODE_COLUMNS = ("gtin", "store_item", "code")
_UNREADABLE = (OSError, EOFError, zlib.error, UnicodeError)


class SourceUnreadable(Exception):
    """The file as a whole cannot be used; the message says why and what to do."""


class Rejected(msgspec.Struct, frozen=True):
    """A row that was not taken: its line (the first is 1), why, and its text (cut at 2,000 characters)."""

    line: int
    cause: str
    raw: str


class Row(msgspec.Struct, frozen=True, gc=False):
    """A row that could be read."""

    line: int
    raw: str
    given: Given


class Source(msgspec.Struct, frozen=True):
    """A file and what it was recognised as; made by :func:`recognise`."""

    path: Path
    format: Format
    encoding: str
    delimiter: str

    def rows(self, currency: str, progress: ReadProgress | None = None) -> Iterator[Row | Rejected]:
        """The file's rows in order; ``progress`` hears bytes read and bytes in all, of the file as it lies there."""
        with _opened(self.path) as (stream, disk):
            total = self.path.stat().st_size

            def told(items: Iterable[Row | Rejected]) -> Iterator[Row | Rejected]:
                for number, item in enumerate(items):
                    if progress is not None and number % 500 == 0:
                        progress(disk.tell(), total)
                    yield item
                if progress is not None:
                    progress(total, total)  # the file may be closed by now

            try:
                if self.format == "off-jsonl":
                    yield from told(_json_rows(stream, self.encoding))
                else:
                    yield from told(self._csv_rows(stream, currency))
            except _UNREADABLE as error:
                raise SourceUnreadable(f"{self.path.name} is damaged or cut short: {error}") from error

    def _csv_rows(self, stream: BinaryIO, currency: str) -> Iterator[Row | Rejected]:
        with io.TextIOWrapper(stream, self.encoding, errors="surrogateescape", newline="") as text:
            yield from self._csv_lines(text, currency)

    def _csv_lines(self, text: io.TextIOWrapper, currency: str) -> Iterator[Row | Rejected]:
        is_bare = self.format == "off-csv" and self.delimiter == "\t"  # that dump has quotes as plain characters
        try:
            rows = CsvRows(text, self.delimiter, _CODE_COLUMNS, is_bare=is_bare)
        except HeaderUnreadable as error:
            raise SourceUnreadable(f"{self.path.name}: {error}") from None
        is_ours = self.format == "csv"
        reading = columns.ColumnReader(rows.header, currency) if is_ours else off.ColumnReader(rows.header)
        for line, raw, cells, fault in rows:
            if fault:
                yield _rejected(line, fault, raw)
            elif any(cells):
                yield _row(line, raw, partial(reading.read, cells))


def recognise(path: Path) -> Source:
    """Look at the beginning of a file and say what it is. Raises :class:`SourceUnreadable`."""
    try:
        with _opened(path) as (stream, _):
            head = stream.read(_SNIFFED_BYTES)
    except _UNREADABLE as error:
        raise SourceUnreadable(f"{path} cannot be read: {error}") from error
    encoding = _encoding(head)
    text = head.decode(encoding, errors="replace").lstrip("\ufeff")
    start = text.lstrip()[:1]
    if start == "{":
        return Source(path, "off-jsonl", encoding, "")
    if start == "[":
        raise SourceUnreadable(f"{path.name} is a JSON list; give one JSON object a line (JSONL)")
    header = text.splitlines()[0] if text else ""
    delimiter = max("\t,;", key=header.count)
    names = [name.strip().strip('"') for name in header.split(delimiter)]
    if off.is_header(names):
        return Source(path, "off-csv", encoding, delimiter)
    if fault := columns.fault_of_header(names):
        raise SourceUnreadable(f"{path.name}: {fault}")
    return Source(path, "csv", encoding, delimiter)


def _json_rows(stream: BinaryIO, encoding: str) -> Iterator[Row | Rejected]:
    for number, line in enumerate(_utf_8_lines(stream, encoding), start=1):
        if line.strip():
            raw = line[:_RAW_MAX].decode(errors="replace").rstrip("\r\n")
            yield _row(number, raw, partial(off.given_of_json, line))


def _utf_8_lines(stream: BinaryIO, encoding: str) -> Iterator[bytes]:
    """The lines in UTF-8, without its mark; what the encoding can't read becomes what UTF-8 can't either."""
    if encoding == "utf-8-sig":  # the common case, and millions of lines
        yield next(stream, b"").removeprefix(codecs.BOM_UTF8)
        yield from stream
        return
    with io.TextIOWrapper(stream, encoding, errors="surrogateescape", newline="\n") as text:
        for line in text:
            yield line.encode(errors="surrogateescape")


def _row(line: int, raw: str, read: Callable[[], Given]) -> Row | Rejected:
    try:
        return Row(line, raw, read())
    except RowRefused as refused:
        return _rejected(line, str(refused), raw)


def _rejected(line: int, cause: str, raw: str) -> Rejected:
    return Rejected(line, cause, raw.encode(errors="replace").decode())


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, Any]]:
    """The file's bytes, unpacked where they are gzip, and the file on disk that says how far one is."""
    with path.open("rb") as disk:
        packed = disk.read(2) == b"\x1f\x8b"
        disk.seek(0)
        if packed:
            with gzip.GzipFile(fileobj=disk) as unpacked:
                yield io.BufferedReader(unpacked, 1 << 20), disk
        else:
            yield disk, disk


def _encoding(head: bytes) -> str:
    """UTF-8, UTF-16 by its mark, or GB 18030, which Chinese spreadsheets still write.

    A UTF-8 file with some bad rows stays UTF-8: it is GB 18030 only if most lines that are not plain ASCII say so.
    """
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    lines = [line for line in head[: head.rfind(b"\n") + 1].splitlines() if not line.isascii()]
    others = sum(not _decodes(line, "utf-8") for line in lines)
    return "gb18030" if 2 * others > len(lines) and _decodes(head, "gb18030") else "utf-8-sig"


def _decodes(head: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return False
    return True
