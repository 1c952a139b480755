"""Tags' bits against the examples of the standard and of another implementation, and against what else tags hold."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from biip.checksums import gs1_standard_check_digit
from hypothesis import given
from hypothesis import strategies as st

from unqueue.devices.wire.epc import Sgtin, decode_epc, encode_epc

GOLDEN = tomllib.loads((Path(__file__).parents[2] / "golden" / "epc.toml").read_text("utf-8"))
_CHARACTERS = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
BODIES = st.integers(0, 10**13 - 1).map(lambda number: str(number).zfill(13))


def gtin_of(body: str) -> str:
    return body + str(gs1_standard_check_digit(body))


@pytest.mark.parametrize("tag", GOLDEN["tag"], ids=lambda tag: f"{tag['source']}: {tag['epc']}")
def test_golden_tags(tag: dict[str, Any]) -> None:
    sgtin = Sgtin(tag["gtin"], tag["serial"], tag["digits"], tag["filter"])

    assert decode_epc(bytes.fromhex(tag["epc"])) == sgtin
    assert encode_epc(sgtin, tag["scheme"]) == bytes.fromhex(tag["epc"])


@given(BODIES, st.integers(0, 2**38 - 1), st.integers(6, 12), st.integers(0, 7))
def test_sgtin_96_there_and_back(body: str, serial: int, digits: int, filter_value: int) -> None:
    sgtin = Sgtin(gtin_of(body), str(serial), digits, filter_value)

    epc = encode_epc(sgtin)

    assert len(epc) == 12
    assert decode_epc(epc) == sgtin


@given(BODIES, st.text(_CHARACTERS, min_size=1, max_size=20), st.integers(6, 12))
def test_sgtin_198_there_and_back_with_the_readers_padding(body: str, serial: str, digits: int) -> None:
    sgtin = Sgtin(gtin_of(body), serial, digits)

    epc = encode_epc(sgtin, "sgtin-198")

    assert len(epc) == 25  # 198 bits
    assert decode_epc(epc) == decode_epc(epc + b"\0") == sgtin


@given(st.binary(max_size=40))
def test_any_bits_are_goods_or_unknown(epc: bytes) -> None:
    sgtin = decode_epc(epc)

    if sgtin is not None:
        assert sgtin.gtin == gtin_of(sgtin.gtin[:-1])
        scheme: Any = "sgtin-96" if epc[0] == 0x30 else "sgtin-198"
        again = encode_epc(sgtin, scheme)
        assert len(epc) >= len(again)
        assert decode_epc(again) == sgtin


@pytest.mark.parametrize(
    ("why", "epc"),
    {
        "nothing": "",
        "a maker's number": "e28011606000020612345678",
        "too short": "3074257bf7194e40",
        "an SSCC": "3174257bf4499602d2000000",
        "partition 7": "301c00000000000000000001",
        "a company prefix of more digits than it may have": "3017ffffff00004000000001",
        "an SGTIN-198 without a serial": "3674257BF6B78000000000000000000000000000000000000000",
        "SGTIN+ of TDS 2": "f7" + "00" * 11,
        "blank": "00" * 12,
    }.items(),
)
def test_everything_else_is_unknown(why: str, epc: str) -> None:
    assert decode_epc(bytes.fromhex(epc)) is None, why


@pytest.mark.parametrize(
    ("sgtin", "scheme"),
    [
        (Sgtin("80614141123457", "1"), "sgtin-96"),  # check digit
        (Sgtin("0614141123452", "1"), "sgtin-96"),  # no GTIN-14
        (Sgtin("80614141123458", "007"), "sgtin-96"),
        (Sgtin("80614141123458", str(2**38)), "sgtin-96"),
        (Sgtin("80614141123458", "a"), "sgtin-96"),
        (Sgtin("80614141123458", "龙"), "sgtin-198"),
        (Sgtin("80614141123458", "1" * 21), "sgtin-198"),
        (Sgtin("80614141123458", "1", 5), "sgtin-96"),
        (Sgtin("80614141123458", "1", 7, 8), "sgtin-96"),
    ],
)
def test_what_no_tag_can_hold(sgtin: Sgtin, scheme: Any) -> None:
    with pytest.raises(ValueError, match=r"GTIN|serial|prefix"):
        encode_epc(sgtin, scheme)
