"""Rows of a CSV file (RFC 4180), such that a quote that nobody closed takes no other row with it.

The csv module reads on until some later quote closes the cell. Where that can't be meant, the row with the open quote
is told as faulty, and the lines after it are read again, each as a row of its own.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

_CELL_MAX = 1 << 24  # Open Food Facts has cells beyond the csv module's 128 KiB
_RAW_MAX = 2000
_ROW_LINES_MAX = 100  # cells with line breaks are a paragraph, not a page
_CODE_DIGITS_MIN = 8
_OPEN = "a quote is opened in this row and not closed; write a quote inside a cell as two"


class HeaderUnreadable(Exception):
    """The first line is no row by itself; the text says why."""


class CsvRow(NamedTuple):
    """A row: the number of its first line (the file's first is 1), its text (cut), and its cells.

    ``fault`` says why there are none.
    """

    line: int
    raw: str
    cells: Sequence[str]
    fault: str = ""


class CsvRows:
    """Reads ``stream``, opened with ``newline=""``. ``header`` is its first line.

    ``code_columns`` hold digits in every row: by them a swallowed row is known. ``is_bare``: quotes are plain
    characters.
    """

    def __init__(self, stream: Iterable[str], delimiter: str, code_columns: Sequence[str], *, is_bare: bool) -> None:
        csv.field_size_limit(_CELL_MAX)
        self._delimiter = delimiter
        self._quoting: Literal[0, 3] = csv.QUOTE_NONE if is_bare else csv.QUOTE_MINIMAL
        self._lines = _Lines(stream)
        try:
            self.header = [name.strip() for name in next(self._reader([next(self._lines)]))]
        except csv.Error as error:
            raise HeaderUnreadable(f"the first line is not readable as CSV (a quote in it?): {error}") from None
        self._lines.take()
        self._code_at = [self.header.index(name) for name in code_columns if name in self.header]

    def __iter__(self) -> Iterator[CsvRow]:
        reader, lines = self._reader(self._lines), self._lines
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (csv.Error, _RowTooLong) as error:
                fault = _OPEN if lines.has_ended or len(lines.taken) > 1 else f"not readable as CSV: {error}"
                yield lines.take_first(fault)
                continue
            if len(lines.taken) > 1 and self._has_swallowed(lines.taken):
                yield lines.take_first(_OPEN)
                continue
            line, raw = lines.take()
            yield CsvRow(line, raw, cells)

    def _reader(self, lines: Iterable[str]) -> Iterator[list[str]]:
        return csv.reader(lines, delimiter=self._delimiter, quoting=self._quoting, strict=True)

    def _has_swallowed(self, taken: Sequence[str]) -> bool:
        """Whether one of the lines that a row goes on in is a row of its own.

        The last line is looked at only where the code stands before the line break: behind it, it is this row's.
        """
        begun = len(next(csv.reader(taken[:1], delimiter=self._delimiter)))
        return any(self._is_row(line, at) for at in self._code_at for line in taken[1 : None if at < begun else -1])

    def _is_row(self, line: str, code_at: int) -> bool:
        cells = line.split(self._delimiter)
        code = cells[code_at].strip().replace(" ", "").replace("-", "") if code_at < len(cells) else ""
        return code.isdigit() and (len(code) >= _CODE_DIGITS_MIN or len(cells) == len(self.header))


class _RowTooLong(Exception):
    """A row goes on over more lines than any would."""


class _Lines:
    """Hands lines to the csv reader, remembers those of the current row, and gives some of them out again."""

    def __init__(self, stream: Iterable[str]) -> None:
        self._stream = iter(stream)
        self._again: list[str] = []  # the next one last
        self._number = 1  # of the next row's first line
        self.taken: list[str] = []
        self.has_ended = False  # within a row

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= _ROW_LINES_MAX:
            raise _RowTooLong
        if self._again:
            line = self._again.pop()
        else:
            try:
                line = next(self._stream)
            except StopIteration:
                self.has_ended = True
                raise
        self.taken.append(line)
        return line

    def take(self) -> tuple[int, str]:
        """The number of the row's first line, and its text."""
        first, raw = self._number, self.taken[0] if len(self.taken) == 1 else "".join(self.taken)
        self._number += len(self.taken)
        self.taken.clear()
        return first, raw[:_RAW_MAX].rstrip("\r\n")

    def take_first(self, fault: str) -> CsvRow:
        """The row's first line alone, which is faulty. Those after it come again."""
        self._again += reversed(self.taken[1:])
        self.has_ended = False
        del self.taken[1:]
        line, raw = self.take()
        return CsvRow(line, raw, (), fault)
