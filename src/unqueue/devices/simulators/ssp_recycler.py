"""A note recycler that speaks SSP and eSSP on a pseudo-terminal or TCP port, in its own process.

Control requests, each answered with the state:
`{"insert": "CNY-1000-note", "quality": "genuine" | "counterfeit" | "unknown"}`: a shopper holds a note before the
mouth; `taken` says whether it was drawn in. `{"pull": true}`: it is on a string. `{"jam": "safe" | "unsafe" | null}`.
`{"cashbox": "full" | "removed" | "replaced"}`. `{"refill": {"CNY-1000-note": 5}}`, `{"store": {"CNY-1000-note": 9}}`
(so many now), `{"empty_store": true}`: staff at the payout store. `{"power": true | false}`.
`{"fault": "unplugged" | "silent" | null}` (silent: it obeys and does not answer). `{"get": true}`.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from unqueue.devices.simulators.control import ControlRefused, one_of, only_keys
from unqueue.devices.simulators.line import new_line
from unqueue.devices.simulators.serving import Announce, serve
from unqueue.devices.simulators.ssp_notes import Recycler
from unqueue.devices.wire.ssp import Packet, PacketDecoder, encode_packet
from unqueue.devices.wire.ssp_encryption import (
    FIXED_KEY_DEFAULT,
    STEX,
    KeyExchange,
    decrypt,
    encrypt,
    is_prime,
    session_key,
)
from unqueue.devices.wire.ssp_events import NEEDS_ACK, encode_events
from unqueue.devices.wire.ssp_messages import (
    PAYOUT_REAL,
    Amount,
    Command,
    Level,
    Reply,
    Setup,
    decode_amount,
    decode_inhibits,
    decode_levels,
    encode_counters,
    encode_levels,
    encode_setup,
)
from unqueue.kernel.cash import Denomination, parse_denomination

FAULTS = (None, "unplugged", "silent")
DENOMINATIONS = tuple(f"CNY-{yuan}00-note" for yuan in (1, 5, 10, 20, 50, 100))

_MULTIPLIER = 100
_VERSION_MAX = 8
_PLAIN = frozenset({Command.SYNC, Command.SET_GENERATOR, Command.SET_MODULUS, Command.REQUEST_KEY_EXCHANGE})
_OK = bytes([Reply.OK])
_UNKNOWN_COMMAND = bytes([Reply.COMMAND_NOT_KNOWN])
_OUT_OF_RANGE = bytes([Reply.PARAMETER_OUT_OF_RANGE])
_NOT_NOW = bytes([Reply.COMMAND_CANNOT_BE_PROCESSED])


class RecyclerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the recycler is built and set up."""

    tcp_port: int | None = None
    """Speak on this TCP port (0: any free one) instead of on a pseudo-terminal."""
    link: str | None = None
    """Path of the link to the pseudo-terminal; by default one in a directory of its own."""
    control_port: int = 0
    """Port of the physical side; 0 takes any free one."""
    denominations: tuple[str, ...] = DENOMINATIONS
    """The notes of its dataset, in the order of its channels."""
    encrypted: bool = True
    """Answer nothing but a key exchange until there is a key, as payout devices do."""
    fixed_key: int = FIXED_KEY_DEFAULT
    poll_with_ack: bool = True
    """Old firmware knows POLL only, which tells each event once."""
    serial: int = 4_880_564
    step_ms: int = 150
    """How long each movement of a note takes."""
    boot_ms: int = 500
    escrow_ms: int = 10_000
    """A note goes back that lies in escrow for so long without a word of the host."""
    store_notes_max: int = 80
    cashbox_notes_max: int = 600
    seed: int = 1


class Electronics:
    """Packets in, packets out: sequence flags, encryption, commands. `inside` is the machinery."""

    def __init__(self, options: RecyclerOptions, inside: Recycler, channels: tuple[Amount, ...]) -> None:
        self._options = options
        self._inside = inside
        self._channels = channels
        self._random = random.Random(options.seed)  # noqa: S311  # a simulation that can be had again, no secret
        self._serves = self._table()
        self.power_down()

    def power_down(self) -> None:
        """Forget what is volatile."""
        self._decoder = PacketDecoder()
        self._version = _VERSION_MAX
        self._sequence: bool | None = None
        self._last = b""
        self._latched: bytes | None = None
        self._generator = self._modulus = 0
        self._key: bytes | None = None
        self._count = 0

    def answers(self, data: bytes) -> bytes:
        """What the device says to some bytes of the host."""
        packets = [packet for packet in self._decoder.feed(data) if isinstance(packet, Packet) and packet.address == 0]
        return b"".join(map(self._answer, packets))

    def _answer(self, packet: Packet) -> bytes:
        if packet.data == bytes([Command.SYNC]):
            self._sequence = None
        if packet.sequence == self._sequence:
            return self._last  # a repeat: its answer was lost
        data = packet.data
        encrypted = bool(data) and data[0] == STEX
        if encrypted:
            decrypted = decrypt(data, self._key) if self._key else None
            if decrypted is None and self._key is None:
                return self._reply(packet, bytes([Reply.KEY_NOT_SET]))
            if decrypted is None or decrypted.count != self._count:
                return b""  # discarded
            data = decrypted.data
            self._count += 1
        answer = self._serve(data, encrypted=encrypted)
        if encrypted and self._key is not None:
            answer = encrypt(answer, self._count, self._key, self._random.randbytes(15))
        return self._reply(packet, answer)

    def _reply(self, packet: Packet, data: bytes) -> bytes:
        self._sequence = packet.sequence
        self._last = encode_packet(Packet(data, packet.sequence))
        return self._last

    def _serve(self, data: bytes, *, encrypted: bool) -> bytes:
        if not data:
            return _UNKNOWN_COMMAND
        if self._options.encrypted and not encrypted and data[0] not in _PLAIN:
            return bytes([Reply.KEY_NOT_SET])
        if data[0] in {Command.POLL, Command.POLL_WITH_ACK}:
            return self._poll(with_ack=data[0] == Command.POLL_WITH_ACK)
        serve = self._serves.get(data[0])
        try:
            return serve(data[1:]) if serve else _UNKNOWN_COMMAND
        except (ValueError, IndexError):
            return bytes([Reply.WRONG_NUMBER_OF_PARAMETERS])

    def _table(self) -> dict[int, Callable[[bytes], bytes]]:
        inside = self._inside
        return {
            Command.SYNC: lambda _: _OK,
            Command.SET_GENERATOR: lambda data: self._set_prime("_generator", data),
            Command.SET_MODULUS: lambda data: self._set_prime("_modulus", data),
            Command.REQUEST_KEY_EXCHANGE: self._exchange_keys,
            Command.HOST_PROTOCOL_VERSION: self._set_version,
            Command.SETUP_REQUEST: lambda _: _OK + encode_setup(self._setup()),
            Command.GET_SERIAL_NUMBER: lambda _: _OK + self._options.serial.to_bytes(4, "big"),
            Command.SET_CHANNEL_INHIBITS: self._set_inhibits,
            Command.ENABLE: lambda _: self._enable(on=True),
            Command.DISABLE: lambda _: self._enable(on=False),
            Command.ENABLE_PAYOUT_DEVICE: lambda _: self._enable_payout(on=True),
            Command.DISABLE_PAYOUT_DEVICE: lambda _: self._enable_payout(on=False),
            Command.HOLD: lambda _: _OK if inside.held() else _NOT_NOW,
            Command.REJECT: lambda _: _OK if inside.rejected() else _NOT_NOW,
            Command.LAST_REJECT_CODE: lambda _: _OK + bytes([inside.reject_code]),
            Command.EVENT_ACK: self._acknowledge,
            Command.GET_COUNTERS: lambda _: _OK + encode_counters(inside.counters()),
            Command.GET_ALL_LEVELS: lambda _: _OK + encode_levels(self._levels()),
            Command.SET_DENOMINATION_ROUTE: self._set_route,
            Command.GET_DENOMINATION_ROUTE: self._get_route,
            Command.PAYOUT_BY_DENOMINATION: self._pay_out,
            Command.PAYOUT_AMOUNT: self._pay_amount,
            Command.HALT_PAYOUT: self._halt,
            Command.SMART_EMPTY: lambda _: _OK if inside.smart_empty() else _NOT_NOW + b"\x03",
            Command.EMPTY_ALL: lambda _: _OK if inside.smart_empty() else _NOT_NOW + b"\x03",
        }

    def _poll(self, *, with_ack: bool) -> bytes:
        inside = self._inside
        if with_ack and not self._options.poll_with_ack:
            return _UNKNOWN_COMMAND
        if with_ack and self._latched is not None:
            return self._latched
        inside.polled()
        events = []
        while inside.events:
            events.append(inside.events.popleft())
            if with_ack and events[-1].code in NEEDS_ACK:
                break
        waits = with_ack and bool(events) and events[-1].code in NEEDS_ACK
        answer = _OK + encode_events((*events, *inside.state_events()), self._version)
        if waits:
            self._latched = answer
            inside.silenced = True
        return answer

    def _acknowledge(self, _data: bytes) -> bytes:
        if self._latched is None:
            return _NOT_NOW
        self._latched = None
        self._inside.silenced = False
        return _OK

    def _set_prime(self, name: str, data: bytes) -> bytes:
        number = int.from_bytes(data, "little")
        if len(data) != 8 or not is_prime(number):
            return _OUT_OF_RANGE
        setattr(self, name, number)
        return _OK

    def _exchange_keys(self, data: bytes) -> bytes:
        if not self._generator or not self._modulus:
            return bytes([Reply.FAIL])
        exchange = KeyExchange(self._generator, self._modulus, 2 + self._random.getrandbits(30))
        negotiated = exchange.key_half(int.from_bytes(data, "little"))
        self._key, self._count = session_key(negotiated, self._options.fixed_key), 0
        return _OK + exchange.intermediate.to_bytes(8, "little")

    def _set_version(self, data: bytes) -> bytes:
        if not 6 <= data[0] <= _VERSION_MAX:
            return bytes([Reply.FAIL])
        self._version = data[0]
        return _OK

    def _setup(self) -> Setup:
        return Setup(6, "0459", self._channels[0].currency, _MULTIPLIER, self._version, self._channels)

    def _set_inhibits(self, data: bytes) -> bytes:
        self._inside.let_in = decode_inhibits(data)
        return _OK

    def _enable(self, *, on: bool) -> bytes:
        if self._inside.booting:
            return _NOT_NOW
        self._inside.enabled = on
        return _OK

    def _enable_payout(self, *, on: bool) -> bytes:
        if self._inside.booting:
            return _NOT_NOW + b"\x03"
        self._inside.payout_enabled = on
        return _OK

    def _levels(self) -> tuple[Level, ...]:
        stored = Counter(self._inside.kept.store)
        return tuple(Level(stored[number], amount) for number, amount in enumerate(self._channels, start=1))

    def _set_route(self, data: bytes) -> bytes:
        channel = self._number(decode_amount(data[1:]))
        if channel is None or data[0] > 1:
            return _OUT_OF_RANGE
        self._inside.kept.routes[channel] = "cashbox" if data[0] else "dispenser"
        return _OK

    def _get_route(self, data: bytes) -> bytes:
        channel = self._number(decode_amount(data))
        if channel is None:
            return _OUT_OF_RANGE
        return _OK + bytes([0 if self._inside.kept.routes.get(channel) == "dispenser" else 1])

    def _pay_out(self, data: bytes) -> bytes:
        wanted: list[int] = []
        for level in decode_levels(data[:-1]):
            channel = self._number(level.amount)
            if channel is None:
                return _OUT_OF_RANGE
            wanted += [channel] * level.count
        return self._pay(wanted, data[-1])

    def _pay_amount(self, data: bytes) -> bytes:
        """The largest notes first, as far as they fit."""
        amount, wanted = decode_amount(data[:-1]), []
        rest = amount.value_minor
        for channel in sorted(self._inside.kept.store, key=lambda number: -self._channels[number - 1].value_minor):
            note = self._channels[channel - 1]
            if note.currency == amount.currency and note.value_minor <= rest:
                wanted.append(channel)
                rest -= note.value_minor
        return _NOT_NOW + b"\x01" if rest else self._pay(wanted, data[-1])

    def _pay(self, wanted: list[int], option: int) -> bytes:
        refusal = self._inside.refusal(wanted)
        if refusal is not None:
            return _NOT_NOW + bytes([refusal])
        if option == PAYOUT_REAL:
            self._inside.pay_out(wanted)
        return _OK

    def _halt(self, _data: bytes) -> bytes:
        self._inside.halt()
        return _OK

    def _number(self, amount: Amount) -> int | None:
        return self._channels.index(amount) + 1 if amount in self._channels else None


class SimulatedRecycler:
    """The whole device: notes, electronics, line and mishaps."""

    def __init__(self, options: RecyclerOptions) -> None:
        self._options = options
        self._denominations = [parse_denomination(text) for text in options.denominations]
        channels = tuple(Amount(kind.value_minor, kind.currency) for kind in self._denominations)
        self.inside = Recycler(
            channels,
            step_s=options.step_ms / 1000,
            escrow_s=options.escrow_ms / 1000,
            store_max=options.store_notes_max,
            box_max=options.cashbox_notes_max,
        )
        self._electronics = Electronics(options, self.inside, channels)
        self._fault: str | None = None
        self._taken: bool | None = None
        self.line = new_line(
            lambda data: self.line.write(self.respond(data)), tcp_port=options.tcp_port, link=options.link
        )

    def respond(self, data: bytes) -> bytes:
        """What the device sends when it gets these bytes."""
        answers = self._electronics.answers(data) if self.inside.powered else b""
        return b"" if self._fault == "silent" else answers

    async def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        """A request of the physical side; the answer is the state."""
        only_keys(
            request,
            "get",
            "insert",
            "quality",
            "pull",
            "jam",
            "cashbox",
            "store",
            "refill",
            "empty_store",
            "power",
            "fault",
        )
        self._taken = None
        self._by_shoppers(request)
        self._by_staff(request)
        if "power" in request:
            self.set_power(on=bool(request["power"]))
        if "fault" in request:
            self._fault = one_of(request["fault"], *FAULTS)
            await (self.line.unplug() if self._fault == "unplugged" else self.line.plug())
        return self.state()

    def set_power(self, *, on: bool) -> None:
        if self.inside.powered and not on:
            self._electronics.power_down()
            self.inside.power_down()
        elif on and not self.inside.powered:
            self.inside.power_up(self._options.boot_ms / 1000)

    def _by_shoppers(self, request: dict[str, Any]) -> None:
        if "insert" in request:
            quality = one_of(request.get("quality", "genuine"), "genuine", "counterfeit", "unknown")
            channel = 0 if quality == "unknown" else self._channel(request["insert"])
            self._taken = self.inside.insert(channel, quality)
        if request.get("pull"):
            self._taken = not self.inside.pull()
        if "jam" in request:
            self.inside.set_jam(one_of(request["jam"], None, "safe", "unsafe"))

    def _by_staff(self, request: dict[str, Any]) -> None:
        match request.get("cashbox"):
            case None:
                pass
            case "full":
                self.inside.fill_box()
            case "removed" | "replaced" as what:
                self.inside.change_box(removed=what == "removed", box_max=self._options.cashbox_notes_max)
            case other:
                raise ControlRefused(f"the cashbox can't be {other!r}")
        if request.get("empty_store"):
            self.inside.kept.collected += self.inside.kept.store
            self.inside.kept.store.clear()
        for text, count in request.get("store", {}).items():
            channel = self._channel(text)
            others = [number for number in self.inside.kept.store if number != channel]
            self.inside.kept.store[:] = others + [channel] * int(count)
        for text, count in request.get("refill", {}).items():
            self.inside.kept.store += [self._channel(text)] * int(count)

    def _channel(self, text: str) -> int:
        denomination = parse_denomination(text)
        if denomination not in self._denominations:
            raise ControlRefused(f"{text} is none of its notes")
        return self._denominations.index(denomination) + 1

    def state(self) -> dict[str, Any]:
        """Where every note is. Notes of other hands than shoppers' are in the store or the cashbox only."""
        kept = self.inside.kept
        return {
            "taken": self._taken,
            "store": self._named(kept.store),
            "cashbox": self._named(kept.cashbox),
            "collected": self._named(kept.collected),
            "inserted": self._named(kept.inserted),
            "returned": self._named(kept.returned),
            "dispensed": self._named(kept.dispensed),
            "path": kept.note.place if kept.note else None,
            "power": self.inside.powered,
            "starting": self.inside.booting,
            "enabled": self.inside.enabled,
            "jam": self.inside.jam,
            "fault": self._fault,
        }

    def _named(self, channels: Iterable[int]) -> dict[str, int]:
        names = [str(self._name(channel)) for channel in channels]
        return dict(sorted(Counter(names).items()))

    def _name(self, channel: int) -> Denomination | str:
        return self._denominations[channel - 1] if channel else "unknown"


async def run(options: RecyclerOptions, announce: Announce) -> None:
    """Be a recycler until SIGTERM or SIGINT. `announce` gets `url` (for the driver's settings) and `control_port`."""
    recycler = SimulatedRecycler(options)
    await serve("note-recycler", recycler.line, recycler, options.control_port, announce)
