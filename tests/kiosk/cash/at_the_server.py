"""A kiosk with the world's devices at a real server: its own HTTP, without a network in between. It can be killed."""

import asyncio
from pathlib import Path

import httpx
from litestar import Litestar
from tests.kiosk.cash.world import POLICY, CuttingJournal, World
from tests.support.tills import KIOSK, PUBLIC_URL, Shopper, Till

from unqueue.kernel.ids import new_id
from unqueue.kiosk.cash.outbox import Send
from unqueue.kiosk.cashier import Cashier
from unqueue.kiosk.refunds import give_back, look_after
from unqueue.kiosk.server import StoreServer
from unqueue.server.access import issue_token
from unqueue.server.payments.service import Wish
from unqueue.server.problems import EXCEPTION_HANDLERS
from unqueue.server.tills import routes
from unqueue.server.tills.model import PaymentFinished, Report, Tendered


class KioskThere:
    """``cashier`` is the process that runs now; ``path`` its journal; the devices are the world's and outlive it."""

    def __init__(self, path: Path, till: Till) -> None:
        self.path = path
        self.store = till
        self.world = World(path)
        self.world.clock = till.database.clock  # type: ignore[assignment]  # one clock for both, a ManualClock
        token, hashed = issue_token("device")
        till.access.register("device", lambda _, told: KIOSK if told == hashed else None)
        handlers = routes.routes(till.tills, till.orders, till.access)
        asgi = Litestar(handlers, exception_handlers=EXCEPTION_HANDLERS, logging_config=None, openapi_config=None)
        self.server = StoreServer(PUBLIC_URL, KIOSK.id, token)
        who = {"Authorization": f"Bearer {token}"}
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(asgi), base_url=PUBLIC_URL, headers=who)
        self.server._link._http = self.http
        self.send: Send = self.server.report
        self.cashier: Cashier

    async def start(self) -> None:
        """The process starts, with the journal that lies there."""
        self.journal = CuttingJournal(self.path, KIOSK.id, self.world.power)
        devices = tuple(self.world.devices())
        self.cashier = Cashier(self.journal, devices, POLICY, clock=self.store.database.clock, send=self.send)
        if not self.journal.contents:
            for port in (self.world.hopper, self.world.hopper5, self.world.stacker):
                self.cashier.till.staff.fill_float(port.name, dict(+port.pieces), "Li Na", f"fill-{port.name}")
        await self.cashier.till.__aenter__()

    async def kill(self) -> None:
        """The process dies where it stands; what is durable stays."""
        await asyncio.sleep(0)
        await self.cashier.till.__aexit__(None, None, None)
        self.cashier.close()

    async def restart(self) -> None:
        await self.kill()
        await self.start()

    @property
    def gained_minor(self) -> int:
        """What the shopper got."""
        purse, first = self.world.purse, self.world.purse_at_first
        return sum(piece.value_minor * (purse[piece] - first[piece]) for piece in purse)

    async def give_back(self, shopper: Shopper, *, is_here: bool = True) -> int:
        """Somebody opened the order, and wants the money. ``is_here``: still, after the claim."""
        order_id = shopper.order.order_id
        given_minor = await give_back(self.cashier, self.server, order_id, is_here=lambda: is_here)
        await self.cashier.deliver()
        return given_minor

    async def look_after(self, here: Shopper | None = None) -> None:
        """What the kiosk does by itself, every few seconds."""
        await self.cashier.deliver()
        await look_after(self.cashier, self.server, order_here=here.order.order_id if here else None)
        await self.cashier.deliver()

    async def paid_in_cash(self, shopper: Shopper, amount_minor: int) -> str:
        """A part of an order, as the server knows it; its coins are in the machine already."""
        wish = Wish(method="cash", place=KIOSK.id, amount_minor=amount_minor, return_to="order")
        payment = await self.store.payments.create(shopper.order, wish, actor=KIOSK.actor)
        told = PaymentFinished(
            payment_id=payment.payment_id, revision=1, outcome="paid", currency="CNY", due_minor=amount_minor,
            rounding_minor=0, tendered=[Tendered(f"CNY-{amount_minor}-note", 1, amount_minor, "cashbox:notes")],
            dispensed={}, debts=[],
        )  # fmt: skip
        report = Report(id=new_id(), kiosk=KIOSK.id, journal=new_id(), seq=1, at_us=1, body=told)
        await self.store.tills.hear(KIOSK, report)
        return payment.payment_id

    async def stop(self) -> None:
        await self.kill()
        await self.http.aclose()
