"""Which goods went through the gate with whom: radio tags as they are read, matched in time to the orders that were
let out. Pure, and forgetful: a tag that names no goods is never kept, and serials go soon after the tag has.

A reader hears far more than what passes: goods on a shelf nearby, those on the belt, a trolley that waits. A tag counts
as carried out with an order when it is heard loud and often enough while that order's passage lasts; one that has been
heard for long before only if it comes clearly nearer then. Each serial counts once, for the first order it passed with.
"""

from collections import Counter, deque
from collections.abc import Mapping

import msgspec

from unqueue.devices.ports import TagRead
from unqueue.devices.wire.epc import decode_epc

_GATHER_S = 0.25
_HEARD_KEPT_MAX = 160
"""What a reader that looks hundreds of times a second hears within a quarter of a second counts as heard at once: so
what is kept of a tag goes back 40 seconds, however fast the reader is.
"""
_TAGS_KEPT_MAX = 2000
"""The tag that was silent for longest goes first, and none that was counted for who is walking just now."""


class TagRule(msgspec.Struct, frozen=True):
    """What counts as carried out; times in seconds, signals in dBm."""

    rssi_dbm_min: int = -62
    reads_min: int = 2
    nearby_s: float = 20.0
    """A tag that was heard for so long before lies nearby, or waits there."""
    nearer_db: int = 6
    """So much louder it must come then to count."""
    before_s: float = 1.0
    """A passage begins so long before the gate is told to open: people walk up to it."""
    after_s: float = 1.5
    """It ends so long after the gate counted the person: a trolley follows. Longer would be the next shopper's time."""
    forget_s: float = 30.0
    """So long after it was heard last a tag is forgotten; one that was counted, not before its passage has ended."""


class CarriedOut(msgspec.Struct, frozen=True):
    """How many of which GTIN-14 passed with an exit, by now."""

    exit_id: str
    counts: Mapping[str, int]


class _Heard(msgspec.Struct):
    """From ``at_s`` on, for a moment: the loudest signal, and how often."""

    at_s: float
    rssi_dbm: int | None
    count: int


class _Tag(msgspec.Struct):
    gtin: str
    first_s: float
    heard: deque[_Heard]
    counted_for: str | None = None


class _Passage(msgspec.Struct):
    exit_id: str
    since_s: float
    until_s: float | None = None
    told: int = 0


class GateTags:
    """The tags near one gate, and the passage that is going on."""

    def __init__(self, rule: TagRule | None = None) -> None:
        self.rule = rule or TagRule()
        self._tags: dict[bytes, _Tag] = {}
        self._passage: _Passage | None = None

    def __len__(self) -> int:
        return len(self._tags)

    def see(self, read: TagRead, now_s: float) -> None:
        """A tag was heard."""
        tag = self._tags.get(read.epc)
        if tag is None:
            sgtin = decode_epc(read.epc)
            if sgtin is None:
                return
            if len(self._tags) >= _TAGS_KEPT_MAX:
                self._make_room()
            tag = _Tag(sgtin.gtin, now_s, deque(maxlen=_HEARD_KEPT_MAX))
        else:
            del self._tags[read.epc]
        self._tags[read.epc] = tag  # the last in order is the last that was heard
        last = tag.heard[-1] if tag.heard else None
        if last is None or now_s - last.at_s >= _GATHER_S or self._divides(last.at_s, now_s):
            tag.heard.append(_Heard(now_s, read.rssi_dbm, read.count))
            return
        last.count += read.count
        if read.rssi_dbm is not None:
            last.rssi_dbm = read.rssi_dbm if last.rssi_dbm is None else max(last.rssi_dbm, read.rssi_dbm)

    def let_out(self, exit_id: str | None, now_s: float) -> None:
        """Whom the gate is open for; None since that person walked through, or the gate stayed shut."""
        passage = self._passage
        if exit_id is not None:
            if passage is None or passage.exit_id != exit_id:
                self._passage = _Passage(exit_id, now_s - self.rule.before_s)
        elif passage is not None and passage.until_s is None:
            passage.until_s = now_s + self.rule.after_s

    def look(self, now_s: float) -> CarriedOut | None:
        """What the passage came to, whenever that is more than was told before."""
        carried = self._count(self._passage, now_s) if self._passage is not None else None
        self._forget(now_s)
        return carried

    def _count(self, passage: _Passage, now_s: float) -> CarriedOut | None:
        for tag in self._tags.values():
            if tag.counted_for is None and self._is_carried(tag, passage):
                tag.counted_for = passage.exit_id
        counts = Counter(tag.gtin for tag in self._tags.values() if tag.counted_for == passage.exit_id)
        if passage.until_s is not None and now_s > passage.until_s:
            self._passage = None
        if counts.total() <= passage.told:
            return None
        passage.told = counts.total()
        return CarriedOut(passage.exit_id, dict(counts))

    def _forget(self, now_s: float) -> None:
        now = self._passage.exit_id if self._passage is not None else None
        for epc in [epc for epc, tag in self._tags.items() if now_s - tag.heard[-1].at_s > self.rule.forget_s]:
            if now is None or self._tags[epc].counted_for != now:  # else its count would shrink while others still come
                del self._tags[epc]

    def _make_room(self) -> None:
        now = self._passage.exit_id if self._passage is not None else None
        silent_longest = (epc for epc, tag in self._tags.items() if now is None or tag.counted_for != now)
        del self._tags[next(silent_longest, next(iter(self._tags)))]

    def _divides(self, before_s: float, now_s: float) -> bool:
        """Whether a passage begins or ends between two reads, which must stay apart then."""
        ends = (self._passage.since_s, self._passage.until_s) if self._passage is not None else ()
        return any(end is not None and before_s <= end < now_s for end in ends)

    def _is_carried(self, tag: _Tag, passage: _Passage) -> bool:
        rule, until_s = self.rule, passage.until_s
        then = [one for one in tag.heard if one.at_s >= passage.since_s and (until_s is None or one.at_s <= until_s)]
        if sum(one.count for one in then) < rule.reads_min:
            return False
        # A reader that tells no signal leaves the count alone to decide.
        loudest_dbm = max((one.rssi_dbm for one in then if one.rssi_dbm is not None), default=None)
        if loudest_dbm is None:
            return tag.first_s > passage.since_s - rule.nearby_s
        if loudest_dbm < rule.rssi_dbm_min:
            return False
        if tag.first_s > passage.since_s - rule.nearby_s:
            return True
        before = (one.rssi_dbm for one in tag.heard if one.at_s < passage.since_s and one.rssi_dbm is not None)
        return loudest_dbm >= max(before, default=loudest_dbm) + rule.nearer_db
