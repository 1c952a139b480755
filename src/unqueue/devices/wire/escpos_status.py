"""ESC/POS real-time status: `DLE EOT n` asks, one byte answers (Epson TM-U220 manual, "DLE EOT n"; Bixolon SRP-350
command manual p. 8). A printer answers it at once, also when it is offline and prints nothing.
"""

import msgspec

DLE_EOT = b"\x10\x04"
FIXED = 0x12  # bits 1 and 4 are always on, 0 and 7 always off: tells an answer from noise


class PrinterState(msgspec.Struct, frozen=True):
    """What stops a printer."""

    cover_open: bool = False
    paper_out: bool = False
    error: bool = False

    @property
    def offline(self) -> bool:
        return self.cover_open or self.paper_out or self.error


def encode_question(number: int) -> bytes:
    r"""`number` 1 asks for the printer's status, 2 for what keeps it offline, 3 for errors, 4 for the paper.

    >>> encode_question(1)
    b'\x10\x04\x01'
    """
    return DLE_EOT + bytes([number])


def encode_status(number: int, state: PrinterState) -> bytes:
    """The printer's answer.

    >>> encode_status(1, PrinterState()).hex(), encode_status(2, PrinterState(paper_out=True)).hex()
    ('12', '32')
    """
    match number:
        case 1:
            bits = 0x08 * state.offline
        case 2:
            bits = 0x04 * state.cover_open | 0x20 * state.paper_out | 0x40 * state.error
        case 3:
            bits = 0x40 * state.error
        case _:
            bits = 0x60 * state.paper_out
    return bytes([FIXED | bits])


def is_status(byte: int) -> bool:
    """Whether this can be an answer at all."""
    return byte & 0x93 == FIXED


def decode_offline_cause(byte: int) -> PrinterState:
    """The answer to question 2.

    >>> decode_offline_cause(0x16)
    PrinterState(cover_open=True, paper_out=False, error=False)
    """
    return PrinterState(cover_open=bool(byte & 0x04), paper_out=bool(byte & 0x20), error=bool(byte & 0x40))


class QuestionSplitter:
    r"""Bytes to a printer, in any pieces, become questions (ints) and what is to be printed (bytes).

    >>> splitter = QuestionSplitter()
    >>> splitter.feed(b"ab\x10"), splitter.feed(b"\x04\x01cd")
    ([b'ab'], [1, b'cd'])
    """

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[int | bytes]:
        data = self._held + data
        parts: list[int | bytes] = []
        while (at := data.find(DLE_EOT)) >= 0 and len(data) > at + 2:
            parts += [data[:at], data[at + 2]] if at else [data[2]]
            data = data[at + 3 :]
        keep = len(data) - at if at >= 0 else int(data.endswith(DLE_EOT[:1]))
        self._held = data[len(data) - keep :]
        if printed := data[: len(data) - keep]:
            parts.append(printed)
        return parts
