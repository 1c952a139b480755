"""Barcode scanners on a serial line: one code, then CR, LF or both, and the AIM identifier before it if so set up.

AIM identifiers (ISO/IEC 15424): `]`, a letter for the symbology, a digit or letter for its options, such as `]E0` for
EAN-13, `]C1` for GS1-128, `]Q3` for a GS1 QR code.
"""

import re

import msgspec

_AIM = re.compile(r"\][A-Za-z][0-9A-Za-z]")
_LENGTH_MAX = 8192  # the longest QR code has 7,089 digits


class ScannedCode(msgspec.Struct, frozen=True):
    """A code and the AIM identifier that came before it. FNC1 separators stay in the code as GS (0x1D)."""

    code: str
    symbology: str | None = None


def encode_scan(scan: ScannedCode, end: bytes = b"\r") -> bytes:
    r"""What the scanner sends.

    >>> encode_scan(ScannedCode("4006381333931", "]E0"))
    b']E04006381333931\r'
    """
    return ((scan.symbology or "") + scan.code).encode() + end


class ScanDecoder:
    r"""Bytes, in any pieces, become codes. Lines without end are dropped; wrong UTF-8 becomes U+FFFD.

    >>> ScanDecoder().feed(b"]E04006381333931\r\nUQ2.abc\r")
    [ScannedCode(code='4006381333931', symbology=']E0'), ScannedCode(code='UQ2.abc', symbology=None)]
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self._too_long = False

    def reset(self) -> None:
        """Forget half a line."""
        self._line.clear()
        self._too_long = False

    def feed(self, data: bytes) -> list[ScannedCode]:
        scans: list[ScannedCode] = []
        for byte in data:
            if byte in b"\r\n":
                if self._line and not self._too_long:
                    scans += _scan_of(self._line.decode("utf-8", "replace"))
                self.reset()
            elif len(self._line) < _LENGTH_MAX:
                self._line.append(byte)
            else:
                self._too_long = True
        return scans


def _scan_of(line: str) -> list[ScannedCode]:
    symbology = _AIM.match(line)
    code = line[3:] if symbology else line
    return [ScannedCode(code, symbology[0] if symbology else None)] if code else []
