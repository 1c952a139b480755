"""Check a day's draws again, from the journal alone. Pure.

The seed must be the one that was committed to, the commitment must stand before the first draw, and every draw must
follow from seed, order, rules and what the rules saw; no order may be drawn twice, or leave without a draw.
"""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from unqueue.server.audits.drawing import commitment, draw
from unqueue.server.audits.model import Kind, Rules, Visit, probability


class DrawRecord(msgspec.Struct, frozen=True):
    """A draw as the journal has it: the ``data`` of ``audit.drawn``."""

    order_id: str
    rules: Rules
    visit: Visit
    probability: float
    value: float
    kind: Kind | None
    articles: tuple[str, ...]
    chosen: tuple[str, ...]


class Happened(msgspec.Struct, frozen=True):
    """An event of a day's stream: ``audit.committed``, ``audit.drawn`` or ``audit.revealed``."""

    seq: int
    kind: str
    data: dict[str, Any]


class Checked(msgspec.Struct, frozen=True):
    """How a day's check ended. ``seed_known``: False while the day goes on; then only what the rules gave was checked.
    ``wrong`` says in words what is not right, with the event's number.
    """

    draws: int
    drawn: int
    seed_known: bool
    wrong: tuple[str, ...]


def verify(events: Sequence[Happened], released: Collection[str] = (), drawn_before: Collection[str] = ()) -> Checked:
    """Check the events of a day. ``released`` are the orders that left after the day's commitment, ``drawn_before``
    those of them whose draw is another day's.
    """
    wrong: list[str] = []
    committed = [one for one in events if one.kind == "audit.committed"]
    revealed = [one for one in events if one.kind == "audit.revealed"]
    draws = [one for one in events if one.kind == "audit.drawn"]
    seed = _seed(committed, revealed, draws, wrong)
    seen: set[str] = set()
    drawn = 0
    for one in draws:
        record = msgspec.convert(one.data, DrawRecord)
        drawn += record.kind is not None
        if record.order_id in seen:
            wrong.append(f"event {one.seq}: order {record.order_id} was drawn twice")
        seen.add(record.order_id)
        wrong += [f"event {one.seq}: order {record.order_id}: {what}" for what in _differs(record, seed)]
    wrong += [
        f"order {order_id} left without a draw" for order_id in released if order_id not in {*seen, *drawn_before}
    ]
    return Checked(len(draws), drawn, seed is not None, tuple(wrong))


def _seed(
    committed: Sequence[Happened], revealed: Sequence[Happened], draws: Sequence[Happened], wrong: list[str]
) -> bytes | None:
    if len(committed) != 1:
        wrong.append(f"there are {len(committed)} commitments to the day's seed, and there must be one")
        return None
    if draws and draws[0].seq < committed[0].seq:
        wrong.append(f"event {draws[0].seq}: a draw came before the commitment (event {committed[0].seq})")
    if not revealed:
        return None
    if draws and draws[-1].seq > revealed[0].seq:
        wrong.append(f"event {draws[-1].seq}: a draw came after the seed was told (event {revealed[0].seq})")
    seed = bytes.fromhex(revealed[0].data["seed"])
    if commitment(seed) != committed[0].data["commitment"]:
        wrong.append(f"event {revealed[0].seq}: the seed is not the one that was committed to")
        return None
    return seed


def _differs(record: DrawRecord, seed: bytes | None) -> list[str]:
    wrong = []
    right = probability(record.rules, record.visit)
    if right != record.probability:
        wrong.append(f"the rules give {right}, not {record.probability}")
    if seed is not None:
        lot = draw(seed, record.order_id, probability=record.probability, rules=record.rules, articles=record.articles)
        if (lot.value, lot.kind, lot.chosen) != (record.value, record.kind, record.chosen):
            wrong.append(
                f"the seed gives {lot.value} ({lot.kind or 'no audit'}), not {record.value} "
                f"({record.kind or 'no audit'})"
            )
    return wrong
