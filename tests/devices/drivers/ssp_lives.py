"""A host with a note recycler on the bench, for as long as a test lets it live."""

from collections.abc import Callable, Coroutine
from typing import Any

from tests.support.ssp_bench import NOTE, Bench, ready, run

from unqueue.devices.drivers.ssp_recycler import SspNoteRecycler
from unqueue.devices.ports import (
    CashEvent,
    Credited,
    CreditUnknown,
    GivenBack,
    InEscrow,
    Trouble,
)
from unqueue.kernel.cash import parse_denomination

OTHER = parse_denomination("CNY-2000-note")
RECYCLED: dict[str, Any] = {"recycled": frozenset({NOTE})}
Life = Callable[[SspNoteRecycler], Coroutine[Any, Any, None]]


def live(life: Callable[[SspNoteRecycler, Bench], Coroutine[Any, Any, None]], **options: Any) -> Bench:
    """A host's life with a recycler that is ready and takes two kinds of notes."""
    keep = options.pop("keep", True)
    bench: list[Bench] = []

    async def scene() -> None:
        bench.append(Bench(**{"encrypted": True, "settings": RECYCLED, **options}))
        bench[0].keep = keep

        async def all_of_it(driver: SspNoteRecycler) -> None:
            await ready(driver)
            await driver.enable(frozenset({NOTE, OTHER}))
            await life(driver, bench[0])

        await bench[0].host(all_of_it)

    run(scene)
    return bench[0]


def kinds(events: list[CashEvent]) -> list[str]:
    """What happened, in short: `credited`, `back asked`, `jam`, …"""
    short = []
    for event in events:
        match event:
            case InEscrow(denomination):
                short.append(f"escrow {denomination.value_minor}")
            case Credited(denomination, where):
                short.append(f"credited {denomination.value_minor} {where}")
            case GivenBack(reason):
                short.append(f"back {reason}")
            case CreditUnknown(_, count):
                short.append(f"unknown {count}")
            case Trouble(kind, _, blocks):
                short.append(f"{kind}{'!' if blocks else ''}")
    return short
