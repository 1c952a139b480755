"""The LLRP codec against recordings and others' vectors, and against every way a stream can be cut and spoiled."""

import struct
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llrpkit.protocol import decode_message, messages, params

from unqueue.devices.wire import llrp_messages as llrp
from unqueue.devices.wire.llrp import (
    FRAME_LENGTH_MAX,
    BadMessage,
    BadStream,
    Frame,
    FrameDecoder,
    encode_frame,
    parameters,
)
from unqueue.devices.wire.llrp_messages import Event, Report, Status, Type

GOLDEN: dict[str, Any] = tomllib.loads((Path(__file__).parents[2] / "golden" / "llrp.toml").read_text("utf-8"))
FRAMES = st.builds(
    Frame, st.integers(0, 1023), st.integers(0, 2**32 - 1), st.binary(max_size=60), st.sampled_from([1, 2])
)
REPORTS = st.builds(
    lambda epc, **rest: Report(epc, 8 * len(epc), **rest),
    st.binary(min_size=1, max_size=31),
    antenna=st.none() | st.integers(0, 65535),
    rssi_dbm=st.none() | st.integers(-128, 127),
    count=st.integers(0, 65535),
    first_seen_us=st.none() | st.integers(0, 2**64 - 1),
    last_seen_us=st.none() | st.integers(0, 2**64 - 1),
)


def each(kind: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("golden", GOLDEN[kind], ids=lambda one: f"{one['source']}: {one['name']}")


def frame_of(golden: dict[str, Any], kind: int) -> Frame:
    if "payload" in golden:
        return Frame(kind, 0, bytes.fromhex(golden["payload"]))
    (frame,) = FrameDecoder().feed(bytes.fromhex(golden["bytes"] + "".join(golden.get("parts", []))))
    assert frame.type == kind
    return frame


@each("report")
def test_golden_reports(golden: dict[str, Any]) -> None:
    told = [Report(**{**tag, "epc": bytes.fromhex(tag["epc"])}) for tag in golden["tags"]]

    assert llrp.reports_of(frame_of(golden, Type.RO_ACCESS_REPORT)) == told


@each("event")
def test_golden_events(golden: dict[str, Any]) -> None:
    event = Event(golden.get("attempt"), golden.get("closed", False), at_us=golden["at_us"])
    frame = frame_of(golden, Type.READER_EVENT_NOTIFICATION)

    assert llrp.event_of(frame) == event
    assert llrp.encode_event(frame.message_id, event) == frame


@each("status")
def test_golden_statuses(golden: dict[str, Any]) -> None:
    status, frame = Status(golden["code"], golden["text"]), frame_of(golden, golden["type"])

    assert llrp.status_of(frame) == status
    assert llrp.encode_status(Type(golden["type"]), frame.message_id, status) == frame


@each("plain")
def test_golden_messages_without_a_payload(golden: dict[str, Any]) -> None:
    frame = Frame(golden["type"], golden["message_id"])

    assert encode_frame(frame) == bytes.fromhex(golden["bytes"])
    assert frame_of(golden, golden["type"]) == frame


@each("bad")
def test_golden_nonsense_is_refused_and_the_stream_goes_on(golden: dict[str, Any]) -> None:
    frame = frame_of(golden, Type.RO_ACCESS_REPORT)

    with pytest.raises(BadMessage):
        llrp.reports_of(frame)


def test_the_operation_is_the_golden_one_and_a_report_specification() -> None:
    golden = GOLDEN["rospec"]
    (known,) = FrameDecoder().feed(bytes.fromhex(golden["bytes"] + "".join(golden["parts"])))
    (theirs,), (ours,) = parameters(known.payload), parameters(llrp.add_rospec(10, (1,)).payload)

    assert ours.body.startswith(theirs.body)
    assert [one.type for one in parameters(ours.body[6:])] == [178, 183, 237]


def test_another_implementation_reads_what_we_ask_for() -> None:
    """Llrpkit was generated from the definitions of LLRP's own toolkit."""
    asked = decode_message(encode_frame(llrp.add_rospec(1, (1, 3))))
    assert isinstance(asked, messages.ADD_ROSPEC)
    (inventory,) = asked.ro_spec.spec_parameters
    assert isinstance(inventory, params.AISpec)
    assert inventory.antenna_ids == [1, 3]
    report = asked.ro_spec.ro_report_spec
    assert report is not None
    assert (report.ro_report_trigger, report.n) == (1, 1)
    wanted = report.tag_report_content_selector
    assert wanted == params.TagReportContentSelector(
        enable_antenna_id=True,
        enable_peak_rssi=True,
        enable_first_seen_timestamp=True,
        enable_last_seen_timestamp=True,
        enable_tag_seen_count=True,
    )
    config = decode_message(encode_frame(llrp.set_reader_config(2, 10_000)))
    assert isinstance(config, messages.SET_READER_CONFIG)
    assert config.keepalive_spec == params.KeepaliveSpec(keepalive_trigger_type=1, periodic_trigger_value=10_000)
    assert config.reader_event_notification_spec is not None
    (event,) = config.reader_event_notification_spec.event_notification_states
    assert (event.event_type, event.notification_state) == (8, True)
    started = decode_message(encode_frame(llrp.about_rospec(Type.START_ROSPEC, 3)))
    assert started == messages.START_ROSPEC(ro_spec_id=1)


@given(st.lists(REPORTS, max_size=5))
def test_another_implementation_reads_what_our_simulated_reader_reports(reports: list[Report]) -> None:
    frame = llrp.encode_reports(7, reports)

    theirs = decode_message(encode_frame(frame))

    assert isinstance(theirs, messages.RO_ACCESS_REPORT)
    assert len(theirs.tag_report_datas) == len(reports)
    for one, report in zip(theirs.tag_report_datas, reports, strict=True):
        assert (one.antenna_id.antenna_id if one.antenna_id else None) == report.antenna
        assert (one.peak_rssi.peak_rssi if one.peak_rssi else None) == report.rssi_dbm
    assert llrp.reports_of(frame) == reports


@given(st.lists(FRAMES, max_size=6), st.data())
def test_a_stream_may_be_cut_anywhere(frames: list[Frame], data: st.DataObject) -> None:
    stream = b"".join(map(encode_frame, frames))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    decoder = FrameDecoder()

    found = [
        frame
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for frame in decoder.feed(stream[start:end])
    ]

    assert found == frames


@given(st.binary(max_size=200))
def test_garbage_is_refused_or_waited_for_and_never_hoarded(data: bytes) -> None:
    decoder = FrameDecoder()
    try:
        frames = list(decoder.feed(data))
    except BadStream:
        return
    assert sum(10 + len(frame.payload) for frame in frames) <= len(data)
    assert len(decoder._rest) < FRAME_LENGTH_MAX


@pytest.mark.parametrize("length", [0, 9, FRAME_LENGTH_MAX + 1, 2**32 - 1])
def test_a_length_that_can_not_be_ends_the_stream_at_once(length: int) -> None:
    with pytest.raises(BadStream, match=str(length)):
        list(FrameDecoder().feed(struct.pack(">HII", 1 << 10 | 62, length, 1)))


@given(st.binary(max_size=80), st.sampled_from([llrp.reports_of, llrp.event_of, llrp.status_of, llrp.keepalive_ms_of]))
def test_a_spoiled_inside_is_a_bad_message_and_nothing_else(payload: bytes, read: Any) -> None:
    try:
        read(Frame(Type.RO_ACCESS_REPORT, 1, payload))
    except BadMessage:
        return


@given(REPORTS, st.data())
def test_a_report_with_one_wrong_byte_is_read_or_refused(report: Report, data: st.DataObject) -> None:
    payload = bytearray(llrp.encode_reports(1, [report]).payload)
    payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    try:
        llrp.reports_of(Frame(Type.RO_ACCESS_REPORT, 1, bytes(payload)))
    except BadMessage:
        return
