"""Which tags count as carried out with whom: loud, often, while that shopper passes, and each piece once."""

from hypothesis import given
from hypothesis import strategies as st

from unqueue.devices.ports import TagRead
from unqueue.devices.wire.epc import Sgtin, encode_epc
from unqueue.lane.gate_tags import CarriedOut, GateTags, TagRule

WINE, TEA = "06901234567892", "06901234567908"
RULE = TagRule()


def epc(gtin: str, serial: int) -> bytes:
    return encode_epc(Sgtin(gtin, str(serial)))


def hear(tags: GateTags, gtin: str, serial: int, at_s: float, *, reads: int = 3, dbm: int | None = -48) -> None:
    for number in range(reads):
        tags.see(TagRead(epc(gtin, serial), 1, dbm), at_s + number / 20)


def passed(tags: GateTags, exit_id: str, at_s: float) -> None:
    tags.let_out(exit_id, at_s)
    tags.let_out(None, at_s + 3)


class TestPassing:
    def test_each_serial_is_a_piece_however_often_it_is_read(self) -> None:
        tags = GateTags()
        tags.let_out("exit-1", 100)
        for serial in range(4):
            hear(tags, WINE, serial, 101, reads=9)
        hear(tags, TEA, 1, 101)
        assert tags.look(102) == CarriedOut("exit-1", {WINE: 4, TEA: 1})
        assert tags.look(102.2) is None, "nothing new"
        hear(tags, TEA, 2, 102.5)
        assert tags.look(103) == CarriedOut("exit-1", {WINE: 4, TEA: 2})

    def test_a_bag_that_follows_its_shopper_still_belongs_to_the_order(self) -> None:
        tags = GateTags()
        passed(tags, "exit-1", 100)
        hear(tags, WINE, 1, 103 + RULE.after_s - 0.5)
        assert tags.look(103 + RULE.after_s) == CarriedOut("exit-1", {WINE: 1})

    def test_what_is_read_later_is_nobody_s(self) -> None:
        tags = GateTags()
        passed(tags, "exit-1", 100)
        hear(tags, WINE, 1, 103 + RULE.after_s + 0.1)  # the next shopper lays goods on the belt
        assert tags.look(103 + RULE.after_s + 2) is None

    def test_a_piece_counts_for_the_first_order_that_it_passed_with(self) -> None:
        tags = GateTags()
        passed(tags, "exit-1", 100)
        hear(tags, WINE, 1, 101)
        assert tags.look(103.5) == CarriedOut("exit-1", {WINE: 1})
        tags.let_out("exit-2", 105)
        hear(tags, WINE, 1, 105.5)  # its owner packs beyond the gate
        hear(tags, WINE, 2, 105.5)
        assert tags.look(106) == CarriedOut("exit-2", {WINE: 1})

    def test_goods_of_the_next_shopper_count_for_the_next(self) -> None:
        tags = GateTags()
        tags.let_out("exit-1", 100)
        tags.look(101)
        tags.let_out("exit-2", 102)
        hear(tags, WINE, 1, 102.5)
        assert tags.look(103) == CarriedOut("exit-2", {WINE: 1})


class TestStrayReads:
    def test_far_away_or_once_is_nothing(self) -> None:
        tags = GateTags()
        tags.let_out("exit-1", 100)
        hear(tags, WINE, 1, 101, dbm=RULE.rssi_dbm_min - 1)
        hear(tags, WINE, 2, 101, reads=RULE.reads_min - 1)
        assert tags.look(102) is None

    def test_a_reader_that_counts_reads_itself(self) -> None:
        tags = GateTags()
        tags.let_out("exit-1", 100)
        tags.see(TagRead(epc(WINE, 1), 1, -50, count=RULE.reads_min), 101)
        assert tags.look(102) == CarriedOut("exit-1", {WINE: 1})

    def test_a_shelf_near_the_gate_stays_silent(self) -> None:
        tags = GateTags()
        for at_s in range(60, 104):
            hear(tags, WINE, 1, at_s, reads=2, dbm=-50 - at_s % 4)
            if at_s == 100:
                tags.let_out("exit-1", at_s)
        assert tags.look(104) is None

    def test_but_what_waited_there_and_comes_nearer_counts(self) -> None:
        tags = GateTags()
        for at_s in range(60, 100):
            hear(tags, WINE, 1, at_s, reads=2, dbm=-58)
        tags.let_out("exit-1", 100)
        hear(tags, WINE, 1, 101, dbm=-58 + RULE.nearer_db)
        assert tags.look(102) == CarriedOut("exit-1", {WINE: 1})

    def test_however_fast_the_reader_is_and_however_long_it_takes(self) -> None:
        tags = GateTags()
        for number in range(50 * 200):  # 200 reads a second for 50 s
            at_s = 60 + number / 200
            if number == 40 * 200:
                tags.let_out("exit-1", at_s)
            tags.see(TagRead(epc(WINE, 1), 1, -50), at_s)  # it lies nearby all the time
            tags.see(TagRead(epc(WINE, 2), 1, -42 if at_s > 108 else -58), at_s)  # it waits, and comes nearer at last
        assert tags.look(110) == CarriedOut("exit-1", {WINE: 1})

    def test_many_tags_near_the_gate_push_out_none_that_passes(self) -> None:
        tags = GateTags()
        tags.let_out("exit-1", 100)
        for serial in range(400):
            hear(tags, TEA, serial, 100.5)
        told = tags.look(101)
        for serial in range(3000):
            hear(tags, WINE, serial, 101.5, dbm=-80)
        hear(tags, TEA, 400, 102)
        assert told == CarriedOut("exit-1", {TEA: 400})
        assert tags.look(102.5) == CarriedOut("exit-1", {TEA: 401})

    def test_who_takes_their_time_is_counted_whole(self) -> None:
        tags = GateTags()
        tags.let_out("exit-1", 100)
        for serial in range(500):
            hear(tags, WINE, serial, 101)
        assert tags.look(102) == CarriedOut("exit-1", {WINE: 500})
        hear(tags, WINE, 500, 110 + RULE.forget_s)  # the first bag is silent behind the gate by now
        assert tags.look(111 + RULE.forget_s) == CarriedOut("exit-1", {WINE: 501})
        tags.let_out(None, 111 + RULE.forget_s)
        tags.look(120 + RULE.forget_s)
        assert len(tags) == 1

    def test_without_a_signal_time_alone_decides(self) -> None:
        tags = GateTags()
        for at_s in range(60, 100):
            hear(tags, WINE, 1, at_s, dbm=None)
        tags.let_out("exit-1", 100)
        hear(tags, WINE, 1, 101, dbm=None)
        hear(tags, WINE, 2, 101, dbm=None)
        assert tags.look(102) == CarriedOut("exit-1", {WINE: 1})

    def test_before_anybody_is_let_out_nothing_counts(self) -> None:
        tags = GateTags()
        hear(tags, WINE, 1, 50)
        assert tags.look(51) is None
        tags.let_out("exit-1", 70)
        assert tags.look(71) is None


class TestPrivacy:
    def test_tags_that_name_no_goods_are_never_kept(self) -> None:
        tags = GateTags()
        tags.see(TagRead(bytes.fromhex("e28011606000020612345678"), 1, -40), 1)
        assert len(tags) == 0

    def test_serials_are_forgotten_soon_after_they_were_heard(self) -> None:
        tags = GateTags()
        tags.let_out("exit-1", 100)
        hear(tags, WINE, 1, 101)
        tags.let_out(None, 103)
        tags.look(104)
        assert len(tags) == 1
        tags.look(102 + RULE.forget_s)
        assert len(tags) == 0

    @given(st.lists(st.binary(min_size=1, max_size=26), max_size=30))
    def test_any_bits_do_no_harm(self, heard: list[bytes]) -> None:
        tags = GateTags()
        tags.let_out("exit-1", 0)
        for bits in heard:
            tags.see(TagRead(bits), 1)
        tags.look(2)

    def test_memory_is_bounded(self) -> None:
        tags = GateTags()
        for serial in range(2100):
            tags.see(TagRead(epc(WINE, serial), 1, -50), 1)
        assert len(tags) == 2000
