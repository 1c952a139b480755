"""The demo's pay kiosk: its settings, and what its own books say lies in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from unqueue.commands.demo_wallets import text
from unqueue.kiosk.cash.ledger import held
from unqueue.kiosk.cash.store import JOURNAL, CashJournal
from unqueue.twin.demo import KIOSK
from unqueue.twin.kiosk import COIN_SLOT, HOPPERS, RECYCLED

DISPENSER_PATH = 4
"""The way that the simulated coin acceptor's sorter gives coins which have a hopper."""


class KioskPlace(NamedTuple):
    """Where the kiosk's settings and data lie, the port of its screen, and its token."""

    settings: Path
    data_dir: Path
    port: int
    token: str


def stock_of(data_dir: Path) -> dict[str, int] | None:
    """What lies in the kiosk for change, as its journal says; None for a kiosk that has no journal yet.

    Simulated hoppers forget their coins when they stop; real ones keep them. So the demo puts back what was there.
    """
    path = data_dir / JOURNAL
    if not path.exists():
        return None
    journal = CashJournal(path, KIOSK)
    try:
        contents = journal.contents
        stock: dict[str, int] = {}
        for place in contents:
            if place.startswith("dispenser:"):
                for denomination, count in held(contents, place).items():
                    stock[str(denomination)] = stock.get(str(denomination), 0) + count
        return stock
    finally:
        journal.close()


def kiosk_toml(kiosk: KioskPlace, devices: Mapping[str, Mapping[str, Any]], server_port: int) -> str:
    """The kiosk's settings file."""
    line = devices["cctalk"]["url"]
    feeds = " ".join(f"hopper-{address}" for address in HOPPERS)
    lines = [
        "# Written anew by `unqueue demo` at each start.",
        "[kiosk]",
        f"id = {text(KIOSK)}",
        f"name = {text(KIOSK.rpartition('-')[2])}",
        f'server_url = "http://127.0.0.1:{server_port}"',
        f"token = {text(kiosk.token)}",
        f"port = {kiosk.port}",
        f"data_dir = {text(kiosk.data_dir)}",
        "[kiosk.cash]",
        "step_minor = 10",
        "[kiosk.scanner]",
        f"port = {text(devices['scanner']['url'])}",
        "[kiosk.printer]",
        f"url = {text(devices['printer']['url'])}",
        *_device("coins", "cctalk_coin_acceptor", line, COIN_SLOT),
        f'options = {{ dispenser_paths = "{DISPENSER_PATH}", feeds = "{feeds}" }}',
    ]
    for address, coin in HOPPERS.items():
        lines += [*_device(f"hopper-{address}", "cctalk_hopper", line, address), f"denomination = {text(coin)}"]
    lines += [
        *_device("recycler", "ssp_recycler", devices["recycler"]["url"], 0),
        f"options = {{ recycled = {text(' '.join(RECYCLED))} }}",
    ]
    return "\n".join(lines) + "\n"


def _device(name: str, driver: str, port: object, address: int) -> list[str]:
    return [
        "[[kiosk.cash.devices]]",
        f"name = {text(name)}",
        f"driver = {text(driver)}",
        f"port = {text(port)}",
        f"address = {address}",
    ]
