"""A simulated ccTalk bus in this process, and its drivers in a hurry."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from unqueue.devices.drivers.cctalk_bill_validator import BillValidatorSettings, CctalkBillValidator
from unqueue.devices.drivers.cctalk_bus import CctalkBus, CctalkBusSettings
from unqueue.devices.drivers.cctalk_coin_acceptor import CctalkCoinAcceptor, CoinAcceptorSettings
from unqueue.devices.ports import (
    CashAcceptor,
    DeviceStatus,
    wait_until_ready,
)
from unqueue.devices.simulators.cctalk import CctalkOptions, SimulatedBus
from unqueue.kernel.cash import Denomination

YUAN, HALF = Denomination("CNY", 100, "coin"), Denomination("CNY", 50, "coin")
TEN = Denomination("CNY", 1000, "note")


@contextlib.asynccontextmanager
async def simulated(**options: Any) -> AsyncIterator[SimulatedBus]:
    quick = {"coin_ms": 3, "give_up_ms": 10, "stack_ms": 5, "string_ms": 3, **options}
    simulator = SimulatedBus(CctalkOptions(**quick))
    await simulator.line.plug()
    try:
        yield simulator
    finally:
        await simulator.line.close()


def bus_of(simulator: SimulatedBus, **settings: Any) -> CctalkBus:
    url = simulator.line.announced()["url"]
    return CctalkBus(CctalkBusSettings(url, **{"answer_timeout_s": 0.15, "busy_pause_s": 0.001, **settings}))


def coins_of(simulator: SimulatedBus, **settings: Any) -> CctalkCoinAcceptor:
    quick = {"poll_interval_s": 0.003, "guard_s": 0.02, "settle_s": 0.03, "positions": 3, **settings}
    return CctalkCoinAcceptor(bus_of(simulator), CoinAcceptorSettings(**quick))


def notes_of(simulator: SimulatedBus, **settings: Any) -> CctalkBillValidator:
    quick = {"poll_interval_s": 0.003, "settle_s": 0.03, "positions": 4, **settings}
    return CctalkBillValidator(bus_of(simulator), BillValidatorSettings(**quick))


async def opened(device: CashAcceptor, *money: Denomination) -> None:
    assert await wait_until_ready(device, 3, 0.001) == DeviceStatus("ready")
    await asyncio.sleep(0.02)
    await device.enable(frozenset(money))


async def insert(simulator: SimulatedBus, money: Denomination, how: str | None = None) -> str:
    went: str = (await simulator.handle({"insert": str(money), "how": how}))["went"]
    return went
