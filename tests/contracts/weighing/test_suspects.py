"""What the lane tells of a weighing and what the server keeps: written twice, because neither may import the other."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from unqueue.lane import weighing as lane
from unqueue.server.exits import weights as server

TEXT = st.text(max_size=12)
FIELDS = st.fixed_dictionaries(
    {"kind": st.sampled_from(["missed", "extra", "unknown"]), "zh": TEXT, "en": TEXT},
    optional={"line": st.none() | st.integers(0, 99), "product_id": st.none() | TEXT},
)


def test_a_suspect_has_the_same_members() -> None:
    of_lane, of_server = (msgspec.structs.fields(one.Suspect) for one in (lane, server))
    assert [(one.name, one.type, one.default) for one in of_lane] == [(o.name, o.type, o.default) for o in of_server]


@given(FIELDS)
def test_both_write_a_suspect_alike_and_read_what_the_other_wrote(fields: dict[str, object]) -> None:
    told, kept = (msgspec.convert(fields, one.Suspect) for one in (lane, server))
    written = msgspec.json.encode(told)
    assert written == msgspec.json.encode(kept)
    assert msgspec.json.decode(written, type=server.Suspect) == kept
    assert msgspec.json.decode(written, type=lane.Suspect) == told


LINES = st.builds(
    lane.Line, st.integers(1, 9), TEXT, TEXT, TEXT, st.integers(1, 5), st.integers(0, 3000), st.floats(0, 50)
)


@given(st.lists(LINES, max_size=5), st.integers(-500, 15_000))
def test_the_server_keeps_every_verdict_of_the_rule_as_it_was(lines: list[lane.Line], measured_g: int) -> None:
    """Through the server's weighing and back, as a lane reads it after a restart."""
    verdict = lane.check(lines, lane.Reading(measured_g, 5), lane.Rule())
    body = {**msgspec.to_builtins(verdict), "id": "a" * 32, "interval_g": 5, "tags_deactivated": False}
    kept = msgspec.convert(msgspec.json.decode(msgspec.json.encode(body)), server.Weighing)
    again = msgspec.convert(msgspec.json.decode(msgspec.json.encode(kept)), lane.Verdict)
    assert again == verdict
