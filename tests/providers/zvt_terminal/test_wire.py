"""The ZVT codec against frames that others recorded, and against every way a line can cut and spoil them."""

import contextlib
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.providers.card_guard import mask_lines
from unqueue.providers.zvt_terminal import wire
from unqueue.providers.zvt_terminal.wire import Apdu, ApduDecoder, StatusInformation

GOLDEN = tomllib.loads((Path(__file__).parents[2] / "golden" / "zvt.toml").read_text("utf-8"))


def frame(golden: dict[str, Any]) -> bytes:
    return bytes.fromhex(golden["bytes"])


def only(data: bytes) -> Apdu:
    (apdu,) = ApduDecoder().feed(data)
    assert wire.encode(apdu) == data, "and back again"
    return apdu


def of(kind: str) -> Any:
    return pytest.mark.parametrize("golden", GOLDEN[kind], ids=lambda golden: f"{golden['source']}: {golden['name']}")


@of("status")
def test_golden_status_information(golden: dict[str, Any]) -> None:
    apdu = only(frame(golden))
    assert apdu.control == wire.STATUS_INFORMATION
    fields = {key: value for key, value in golden.items() if key not in {"source", "name", "bytes"}}
    assert wire.parse_status(apdu.data) == StatusInformation(**fields)


@of("intermediate")
def test_golden_intermediate_status(golden: dict[str, Any]) -> None:
    apdu = only(frame(golden))
    assert apdu.control == wire.INTERMEDIATE_STATUS
    assert wire.parse_intermediate(apdu.data) == (golden["code"], tuple(golden["lines"]))


@of("ending")
def test_golden_endings(golden: dict[str, Any]) -> None:
    assert only(frame(golden)) == Apdu(tuple(golden["control"]), bytes.fromhex(golden["data"]))


@of("line")
def test_golden_lines(golden: dict[str, Any]) -> None:
    apdu = only(frame(golden))
    assert apdu.control == wire.PRINT_LINE
    assert wire.parse_print_line(apdu.data) == (golden["text"], golden["last"])


@of("block")
def test_golden_receipts(golden: dict[str, Any]) -> None:
    apdu = only(frame(golden))
    assert apdu.control == wire.PRINT_TEXT_BLOCK
    block = wire.parse_text_block(apdu.data, golden.get("encoding", wire.ENCODING))
    assert block.kind == golden["kind"]
    assert set(golden["holds"]) <= set(block.lines)
    assert set(golden["holds"]) <= set(mask_lines(block.lines)), "the guard leaves what is no card number"


@of("command")
def test_golden_commands(golden: dict[str, Any]) -> None:
    match golden["begins"]:
        case "authorisation":
            ours = wire.encode(wire.authorisation(golden["amount_minor"], "EUR"))
            theirs = frame(golden)
            assert ours == theirs[:2] + bytes([theirs[2] + 3]) + theirs[3:] + bytes.fromhex("49 09 78")
        case "please_wait":
            assert wire.encode(wire.acknowledgement(wire.PLEASE_WAIT)) == frame(golden)
        case "acknowledgement":
            assert wire.encode(wire.acknowledgement()) == frame(golden)


@pytest.mark.parametrize("golden", GOLDEN["length"], ids=lambda golden: golden["bytes"])
def test_golden_lengths(golden: dict[str, Any]) -> None:
    decoder = ApduDecoder()
    found = decoder.feed(frame(golden)) or decoder.feed(bytes(golden["size"]))
    assert len(found[0].data) == golden["size"]


def test_commands_as_the_document_writes_them() -> None:
    """PA00P015: password first, then what the command's table lists. Portalum.Zvt's client makes the same bytes, but
    for its configuration byte and without the bitmaps that we add (currency, service byte).
    """
    made = [
        wire.registration("123456", "EUR"), wire.reversal("000000", 85), wire.refund("000000", 290, "CHF"),
        wire.repeat_receipt("000000"), wire.end_of_day("000000"), wire.status_enquiry("000000"),
        Apdu(wire.ABORT_BY_STORE),
    ]  # fmt: skip
    assert [wire.encode(apdu).hex(" ") for apdu in made] == [
        "06 00 10 12 34 56 be 09 78 03 00 06 06 26 04 0a 02 06 d3",
        "06 30 06 00 00 00 87 00 85",
        "06 31 0d 00 00 00 04 00 00 00 00 02 90 49 07 56",
        "06 20 05 00 00 00 03 03",
        "06 50 03 00 00 00",
        "05 01 03 00 00 00",
        "06 b0 00",
    ]


apdus = st.builds(Apdu, st.tuples(st.integers(0, 255), st.integers(0, 255)), st.binary(max_size=600))


@given(st.lists(apdus, max_size=4), st.data())
def test_however_the_line_cuts_them_messages_arrive(sent: list[Apdu], data: st.DataObject) -> None:
    stream = b"".join(map(wire.encode, sent))
    decoder, heard = ApduDecoder(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        heard += decoder.feed(stream[:size])
        stream = stream[size:]
    assert heard == sent


@given(st.binary(max_size=80))
def test_noise_is_malformed_and_nothing_worse(data: bytes) -> None:
    for parse in (wire.parse_status, wire.parse_intermediate, wire.parse_print_line, wire.parse_text_block):
        with contextlib.suppress(wire.Malformed):
            parse(data)


@of("status")
def test_a_cut_status_is_malformed_or_shorter(golden: dict[str, Any]) -> None:
    whole = only(frame(golden)).data
    full = msgspec.structs.asdict(wire.parse_status(whole))
    for size in range(len(whole)):
        try:
            short = msgspec.structs.asdict(wire.parse_status(whole[:size]))
        except wire.Malformed:
            continue
        assert all(short[key] in {None, "", value} for key, value in full.items()), "what is there is right"


statuses = st.builds(
    StatusInformation,
    result=st.integers(0, 255),
    amount_minor=st.none() | st.integers(0, 10**12 - 1),
    currency=st.none() | st.sampled_from(sorted(wire.CURRENCIES.values())),
    receipt=st.none() | st.integers(0, 9999),
    trace=st.none() | st.integers(0, 999_999),
    original_trace=st.none() | st.integers(0, 999_999),
    entry=st.sampled_from(["", "chip", "contactless", "magnetic_stripe"]),
)


@given(statuses, st.text("0123456789*", max_size=19))
def test_a_status_comes_through_and_its_card_number_does_not(status: StatusInformation, card_number: str) -> None:
    sent = wire.status_information(status, card_number)
    heard = wire.parse_status(sent.data)
    assert heard == status
    assert len(card_number) < 8 or card_number not in repr(heard)


@pytest.mark.parametrize(
    "data", ["", "04000000000100", "27", "99", "2200", "22f1", "0605", "27000482", "04e00000000000" + "2700"]
)
def test_what_is_no_status_is_malformed(data: str) -> None:
    with pytest.raises(wire.Malformed):
        wire.parse_status(bytes.fromhex(data))


@pytest.mark.parametrize("number", [-1, 10**6])
def test_numbers_that_do_not_fit_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        wire.bcd(number, 3)
