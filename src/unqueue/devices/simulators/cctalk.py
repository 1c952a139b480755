"""A ccTalk bus with its devices on a pseudo-terminal or TCP port, in its own process.

Control requests, each answered with the state (and `went`, where an inserted coin or note went):
`{"insert": "CNY-100-coin", "how": null | "string" | "counterfeit" | "jam"}` · `{"power": "off" | "on" | "blink",
"address": 2}` · `{"jam": true | false, "address": 2 | 3}` · `{"fill": 100, "address": 3}` · `{"stacker": "removed" |
"replaced" | "full", "address": 40}` · `{"fault": …}` with one of `FAULTS` or null · `{"cut_after_bytes": 17}` pulls the
cable when so many bytes have gone over it, either way · `{"get": true}`.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from unqueue.devices.simulators.cctalk_acceptors import HOWS, SimulatedBillValidator, SimulatedCoinAcceptor
from unqueue.devices.simulators.cctalk_device import SimulatedAcceptor, SimulatedDevice, counted
from unqueue.devices.simulators.cctalk_hopper import SimulatedHopper
from unqueue.devices.simulators.control import ControlRefused, one_of, only_keys
from unqueue.devices.simulators.line import SimulatedLine, new_line
from unqueue.devices.simulators.serving import Announce, serve
from unqueue.devices.wire.cctalk import HOST, Checksum, Frame, FrameDecoder, encode_frame
from unqueue.kernel.cash import Denomination, parse_denomination

FAULTS = (None, "unplugged", "silent", "late", "garbage", "split")
"""Beside unplugged: the devices obey and don't answer; answer 0.5 s late; noise around answers; byte by byte."""

Currency = Literal["CNY", "EUR", "GBP", "USD"]
COINS: dict[Currency, tuple[int, ...]] = {
    "CNY": (10, 50, 100),
    "EUR": (1, 2, 5, 10, 20, 50, 100, 200),
    "GBP": (1, 2, 5, 10, 20, 50, 100, 200),
    "USD": (1, 5, 10, 25, 100),
}
"""Coins in circulation, in minor units."""
NOTES: dict[Currency, tuple[int, ...]] = {
    "CNY": (100, 500, 1000, 2000, 5000, 10_000),
    "EUR": (500, 1000, 2000, 5000, 10_000, 20_000),
    "GBP": (500, 1000, 2000, 5000),
    "USD": (100, 200, 500, 1000, 2000, 5000, 10_000),
}
"""Notes in circulation, in minor units."""

_SILENCE_S = 0.02
_LATE_S = 0.5
_SPLIT_PAUSE_S = 0.002


class CctalkOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What hangs on the bus."""

    tcp_port: int | None = None
    """Speak on this TCP port (0: any free one) instead of on a pseudo-terminal."""
    link: str | None = None
    """Path of the link to the pseudo-terminal; by default one in a directory of its own."""
    control_port: int = 0
    currency: Currency = "CNY"
    hoppers: tuple[str, ...] | None = None
    """Coins in hoppers from address 3 on, as `CNY-100-coin=200`; None: 100 of every coin."""
    recycle: bool = False
    """Coins that have a hopper fall into it instead of the cashbox."""
    echo: bool = True
    """The host hears itself, as on the single wire."""
    bill_checksum: Checksum = "crc"
    coin_ms: int = 150
    """How long a hopper takes for a coin."""
    give_up_ms: int = 1_000
    """How long a hopper looks for a coin that doesn't come."""
    stack_ms: int = 1_000
    """How long a note is on its way to the stacker."""
    escrow_ms: int = 10_000
    """How long a note waits in escrow without being told to."""
    string_ms: int = 200
    """How soon a coin on a string is pulled out again."""
    stacker_capacity: int = 600
    seed: int = 1


def money_of(currency: Currency, form: Literal["coin", "note"]) -> list[Denomination]:
    return [Denomination(currency, minor, form) for minor in (COINS if form == "coin" else NOTES)[currency]]


class SimulatedBus:
    """Line, devices and mishaps."""

    def __init__(self, options: CctalkOptions) -> None:
        self._options = options
        self._random = random.Random(options.seed)  # noqa: S311  # noise that can be had again, not a secret
        coins = money_of(options.currency, "coin")
        self.hoppers = self._new_hoppers(coins)
        self.coin_acceptor = SimulatedCoinAcceptor(
            coins, self._drop_in_hopper, serial_number=4_711_002, string_s=options.string_ms / 1000
        )
        self.bill_validator = SimulatedBillValidator(
            money_of(options.currency, "note"),
            serial_number=4_711_040,
            stack_s=options.stack_ms / 1000,
            escrow_s=options.escrow_ms / 1000,
            capacity=options.stacker_capacity,
            checksum=options.bill_checksum,
        )
        devices: list[SimulatedDevice] = [self.coin_acceptor, *self.hoppers, self.bill_validator]
        self.devices = {device.address: device for device in devices}
        self._decoders = self._new_decoders()
        self._fault: str | None = None
        self._bytes_left: int | None = None
        self.bytes_seen = 0
        self._silence: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self.line: SimulatedLine = new_line(self._on_data, tcp_port=options.tcp_port, link=options.link)

    async def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        """A request of the physical side; the answer is the state."""
        only_keys(
            request, "get", "insert", "how", "power", "address", "jam", "fill", "stacker", "fault", "cut_after_bytes"
        )
        went = None
        if "insert" in request:
            went = self._insert(parse_denomination(request["insert"]), one_of(request.get("how"), *HOWS))
        if "power" in request:
            self._switch(self._device(request), one_of(request["power"], "off", "on", "blink"))
        for what in ("jam", "fill", "stacker"):
            if what in request:
                self._device(request).handle({what: request[what]})
        if "fault" in request:
            self._fault = one_of(request["fault"], *FAULTS)
            await (self.line.unplug() if self._fault == "unplugged" else self.line.plug())
        if "cut_after_bytes" in request:
            cut = request["cut_after_bytes"]
            self._bytes_left = None if cut is None else int(cut)
        return self.state() | ({"went": went} if went else {})

    def state(self) -> dict[str, Any]:
        """Each device, and what the shopper has of the machine: given back and paid out."""
        inside: Counter[Denomination] = Counter()
        for device in self.devices.values():
            if isinstance(device, SimulatedAcceptor):
                inside += device.money.taken + device.money.recycled
        paid_out: Counter[Denomination] = Counter()
        for hopper in self.hoppers:
            paid_out[hopper.coin] += hopper.given
        return {
            "fault": self._fault,
            "bytes_seen": self.bytes_seen,
            "inside": counted(inside),
            "paid_out": counted(paid_out),
            "devices": {str(address): device.state() for address, device in self.devices.items()},
        }

    def _new_hoppers(self, coins: list[Denomination]) -> list[SimulatedHopper]:
        filled = self._options.hoppers
        if filled is None:
            filled = tuple(f"{coin}=100" for coin in coins)
        hoppers = []
        for address, text in enumerate(filled, 3):
            coin, _, stock = text.partition("=")
            hopper = SimulatedHopper(
                address,
                parse_denomination(coin),
                int(stock or 0),
                serial_number=4_711_000 + address,
                coin_s=self._options.coin_ms / 1000,
                give_up_s=self._options.give_up_ms / 1000,
            )
            hoppers.append(hopper)
        return hoppers

    def _new_decoders(self) -> list[FrameDecoder]:
        kinds: tuple[Checksum, ...] = ("sum", "crc")
        decoders = []
        for kind in kinds:
            mine = frozenset(at for at, device in self.devices.items() if device.checksum == kind)
            if mine:
                decoders.append(FrameDecoder(kind, destinations=mine, sources=frozenset({HOST}), data_length_max=16))
        return decoders

    def _drop_in_hopper(self, coin: Denomination) -> bool:
        for hopper in self.hoppers:
            if self._options.recycle and hopper.coin == coin:
                hopper.stock += 1
                return True
        return False

    def _insert(self, money: Denomination, how: str | None) -> str:
        return (self.coin_acceptor if money.form == "coin" else self.bill_validator).insert(money, how)

    def _device(self, request: dict[str, Any]) -> SimulatedDevice:
        device = self.devices.get(request.get("address", 0))
        if device is None:
            raise ControlRefused(f"`address` is one of {', '.join(map(str, self.devices))}")
        return device

    def _switch(self, device: SimulatedDevice, power: str) -> None:
        if power != "on":
            device.switch_off()
        if power != "off":
            device.switch_on()

    def _on_data(self, data: bytes) -> None:
        data = self._through(data)
        if self._options.echo:
            self.line.write(data)
        if self._silence is not None:
            self._silence.cancel()
        self._answer_with(lambda decoder: decoder.feed(data))
        if any(decoder.waiting for decoder in self._decoders):
            self._silence = asyncio.get_running_loop().call_later(_SILENCE_S, self._fall_silent)

    def _fall_silent(self) -> None:
        """Part 1 §10: after so long a pause a new frame begins."""
        self._answer_with(lambda decoder: decoder.flush())

    def _answer_with(self, frames: Callable[[FrameDecoder], list[Frame]]) -> None:
        for decoder in self._decoders:
            for frame in frames(decoder):
                device = self.devices[frame.destination]
                answer = device.answer(frame.header, frame.data)
                if answer is not None:
                    header, data = answer
                    self._send(encode_frame(Frame(HOST, header, data, device.address), device.checksum))

    def _send(self, answer: bytes) -> None:
        match self._fault:
            case "silent":
                pass
            case "late":
                asyncio.get_running_loop().call_later(_LATE_S, self._write, answer)
            case "garbage":
                noise = self._random.randbytes
                self._write(noise(self._random.randrange(1, 8)) + answer + noise(self._random.randrange(1, 8)))
            case "split":
                task = asyncio.create_task(self._send_split(answer))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            case _:
                self._write(answer)

    async def _send_split(self, answer: bytes) -> None:
        async with self._turn:
            for byte in answer:
                self._write(bytes([byte]))
                await asyncio.sleep(_SPLIT_PAUSE_S)

    def _write(self, data: bytes) -> None:
        self.line.write(self._through(data))

    def _through(self, data: bytes) -> bytes:
        """What of these bytes gets through before the cable is cut."""
        if self._bytes_left is not None:
            data = data[: self._bytes_left]
            self._bytes_left -= len(data)
            if not self._bytes_left:
                self._bytes_left, self._fault = None, "unplugged"
                task = asyncio.create_task(self.line.unplug())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        self.bytes_seen += len(data)
        return data


async def run(options: CctalkOptions, announce: Announce) -> None:
    """Be a bus until SIGTERM or SIGINT. `announce` gets `url` (for the driver's settings) and `control_port`."""
    bus = SimulatedBus(options)
    await serve("cctalk", bus.line, bus, options.control_port, announce)
