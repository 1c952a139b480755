"""The physical world of a simulated lane: goods with their true weights and tags, a belt, hands, and a door.

It acts on the device simulators alone, as gravity and radio do: the lane learns of it through its devices.
"""

import asyncio
import contextlib
import itertools
import random
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from unqueue.devices.simulators.control import ControlClient, ControlRefused
from unqueue.kernel.errors import DomainError

DEACTIVATION_PERIOD_S = 0.1
GATE_WIDTH_MS = 40
TAG_READS = 6


class Good(msgspec.Struct, frozen=True):
    """What a product is to hands and scales. ``weight_g`` and ``weight_g_sd`` are of one piece, gross."""

    gtin: str
    name_zh: str
    name_en: str
    weight_g: float
    weight_g_sd: float
    has_tag: bool
    product_id: str = ""
    code: str = ""


class Piece(msgspec.Struct):
    """One real piece: its own weight, whether its tag is live, and the serial that its radio tag tells, which nothing
    silences.
    """

    good: Good
    weight_g: float
    tag_live: bool
    serial: int = 0


class UnknownGood(DomainError):
    """Details: ``gtin``."""

    code = "product_unknown"
    status = 404
    zh = "这家店里没有这件商品"
    en = "There is no such product in this store."


class LaneWorld:
    """One lane: the belt on the scale, the deactivator beside it, the gate behind."""

    def __init__(
        self,
        lane: str,
        *,
        scale: ControlClient,
        io: ControlClient,
        scanner: ControlClient,
        rfid: ControlClient,
        goods: Mapping[str, Good],
        seed: int,
    ) -> None:
        self.lane = lane
        self.belt: list[Piece] = []
        self.taken: list[Piece] = []
        self._scale, self._io, self._scanner, self._rfid = scale, io, scanner, rfid
        self._serials = itertools.count(1)
        self._goods = goods
        self._by_product = {good.product_id: good for good in goods.values()}
        self._random = random.Random(seed)  # noqa: S311  # a simulation must be repeatable, not secret
        self._task: asyncio.Task[None] | None = None

    def piece(self, gtin: str, weight_g: int | None = None) -> Piece:
        """Take one piece off the shelf; its weight is drawn, or as its label says."""
        good = self._goods.get(gtin)
        if good is None:
            raise UnknownGood(gtin=gtin)
        weight = float(weight_g) if weight_g is not None else self._random.gauss(good.weight_g, good.weight_g_sd)
        return Piece(good, max(weight, 1.0), good.has_tag, next(self._serials))

    def in_hand(self, gtin: str, weight_g: int | None = None) -> Piece:
        """The piece of this good that was taken off the belt, with its weight and tag as they are; else a new one."""
        for index, piece in enumerate(self.taken):
            if piece.good.gtin == gtin and weight_g in {None, round(piece.weight_g)}:
                return self.taken.pop(index)
        return self.piece(gtin, weight_g)

    def good_of(self, product_id: str) -> Good | None:
        """The good behind a product of the catalogue."""
        return self._by_product.get(product_id)

    def start(self) -> None:
        """Let the deactivator's field act from now on."""
        self._task = asyncio.create_task(self._deactivate())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def show(self, code: str) -> None:
        """Hold a code to the lane's scanner."""
        await self._scanner.ask(scan=code)

    async def lay(self, pieces: Sequence[Piece]) -> None:
        """Put goods on the belt."""
        self.belt.extend(pieces)
        if pieces:
            await self._io.ask(pulse="belt_items", count=len(pieces))
        await self._weigh()

    async def take_off(self) -> list[Piece]:
        """Take everything off the belt; the shopper has it now."""
        taken, self.belt = self.belt, []
        self.taken.extend(taken)
        await self._weigh()
        return taken

    async def remove(self, pieces: Sequence[Piece]) -> None:
        """Take single pieces off the belt and away."""
        gone = {id(piece) for piece in pieces}
        self.belt = [piece for piece in self.belt if id(piece) not in gone]
        await self._weigh()

    async def clear_if(self, pieces: Sequence[Piece]) -> None:
        """Clear the belt if one of these pieces still lies on it: a shopper who gave up leaves nothing behind."""
        mine = {id(piece) for piece in pieces}
        if any(id(piece) in mine for piece in self.belt):
            self.belt.clear()
            await self._weigh()

    async def put_back(self) -> None:
        """Forget what the shopper took off: it goes back to the shelf."""
        self.taken.clear()

    async def walk(self, pocketed: Sequence[Piece] = ()) -> int | None:
        """Walk through the gate with all that was taken off the belt, and more.

        How many live tags went through; None where the gate was shut: nobody went through.
        """
        if not await self.gate_is_open():
            return None
        await self.take_off()
        await self._pass_antennas((*self.taken, *pocketed))
        live = sum(piece.tag_live for piece in (*self.taken, *pocketed))
        if live:
            await self._io.ask(pulse="eas_alarm", count=live, width_ms=GATE_WIDTH_MS)
        if not (await self._io.ask(passage=1))["done"]:
            return None
        self.taken.clear()
        return live

    async def _pass_antennas(self, pieces: Sequence[Piece]) -> None:
        """Tagged goods have a radio tag as well, and the reader at the gate hears each a few times."""
        tags = [
            {"gtin": piece.good.gtin.zfill(14), "serial": str(piece.serial), "reads": TAG_READS}
            for piece in pieces
            if piece.good.has_tag
        ]
        with contextlib.suppress(OSError, ControlRefused):  # a reader that is away, a code that no tag can hold
            await self._rfid.ask(tags=tags)

    async def io_state(self) -> dict[str, Any]:
        """What the I/O module's coils, inputs and counters are."""
        return await self._io.ask(get=True)

    async def gate_is_open(self) -> bool:
        """Whether the barrier is up."""
        return not (await self.io_state())["inputs"]["gate_closed"]

    async def scale_g(self) -> float:
        return float((await self._scale.ask(get=True))["load_g"])

    async def plug_scale(self, *, plugged: bool) -> None:
        """Pull the scale's plug, or put it back."""
        await self._scale.ask(fault=None if plugged else "unplugged")

    async def scale_is_plugged(self) -> bool:
        return bool((await self._scale.ask(get=True))["fault"] != "unplugged")

    async def _weigh(self) -> None:
        await self._scale.ask(load_g=round(sum(piece.weight_g for piece in self.belt), 1))

    async def _deactivate(self) -> None:
        """Kill the tags on the belt while the field is on."""
        while True:
            await asyncio.sleep(DEACTIVATION_PERIOD_S)
            live = [piece for piece in self.belt if piece.tag_live]
            if not live:
                continue
            try:
                state = await self._io.ask(get=True)
                if state["coils"]["deactivator_on"]:
                    for piece in live:
                        piece.tag_live = False
                    await self._io.ask(pulse="tags_deactivated", count=len(live))
            except OSError:
                continue  # the module is away; its next answer decides
