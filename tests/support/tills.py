"""A store's way to money: trips, orders, payments and receipts put together around a real sandbox wallet.

Nothing here is pretended: the wallet is its own application with its own database, spoken to in its own signed HTTP,
only without a network in between. :class:`Wire` stands in for the network where it has to fail.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar
from sqlalchemy import Connection

from unqueue.kernel import journal
from unqueue.kernel.clock import ManualClock
from unqueue.kernel.database import Database
from unqueue.kernel.ids import new_id
from unqueue.kernel.money import Money
from unqueue.kernel.settings import Provider as Account
from unqueue.kernel.settings import Store
from unqueue.providers.port import Provider
from unqueue.providers.sandbox_wallet import signing
from unqueue.providers.sandbox_wallet.client import SandboxWallet
from unqueue.providers.sandbox_wallet.messages import NotificationBody
from unqueue.providers.sandbox_wallet.sandbox.app import WalletApp
from unqueue.providers.sandbox_wallet.sandbox.options import Merchant, Options
from unqueue.providers.sandbox_wallet.signing import Signer
from unqueue.server.access import Access, Principal
from unqueue.server.catalogue.codes import CodeReader
from unqueue.server.catalogue.model import Product, ProductUnknown, Resolved
from unqueue.server.coupons import routes as coupons_routes
from unqueue.server.coupons.redeeming import Redeeming
from unqueue.server.coupons.service import Coupons
from unqueue.server.fleet.store import last_contact
from unqueue.server.ledger import store as ledger
from unqueue.server.orders import routes as orders_routes
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import Order
from unqueue.server.orders.service import Orders
from unqueue.server.payments import routes as payments_routes
from unqueue.server.payments import store
from unqueue.server.payments.model import Payment
from unqueue.server.payments.notifications import Notifications
from unqueue.server.payments.service import Payments
from unqueue.server.payments.views import closing, open_attempt, standing
from unqueue.server.payments.worker import PaymentWorker
from unqueue.server.problems import EXCEPTION_HANDLERS
from unqueue.server.promotions.model import RuleBook
from unqueue.server.promotions.rules import PercentOff, Target
from unqueue.server.receipts import routes as receipts_routes
from unqueue.server.receipts.service import Receipts
from unqueue.server.receipts.store import order_of
from unqueue.server.returns.service import Returns
from unqueue.server.staff.model import MAY
from unqueue.server.staff.service import Staff
from unqueue.server.stored_value import routes as stored_value_routes
from unqueue.server.stored_value.service import StoredValue, StoredValueProvider
from unqueue.server.tills.model import PaymentFinished, Tendered
from unqueue.server.tills.service import KioskCash, Tills
from unqueue.server.tills.store import was_told
from unqueue.server.trips import store as trips_store
from unqueue.server.trips.requests import Scan
from unqueue.server.trips.service import Trips

PUBLIC_URL = "https://store.example"
METHOD = "sandbox"
MERCHANT = "store-7"
ACCOUNT = Account(id=METHOD, kind="sandbox_wallet", zh="沙盒钱包", en="Sandbox wallet")
CARD = "gift-card"
CARD_ACCOUNT = Account(id=CARD, kind="stored_value", zh="购物卡", en="Gift card")
RETURN_LIMIT_MINOR = 5000
CARD_LIMIT_MINOR = 100_000
CASH_ACCOUNT = Account(id="cash", kind="cash", zh="现金", en="Cash")
MANAGER = Principal("staff", "an", "An", "manager", MAY["manager"])
KIOSK = Principal("device", "kiosk-1", "1", "kiosk")
SELLER = Store(id="store-7", name_zh="街角超市", name_en="Corner Store", tax_id="91310000TEST", public_url=PUBLIC_URL)

MILK = Product("milk", "06901234567892", "纯牛奶", "Milk", unit_price_minor=1290, tax_rate_bp=900)
BEER = Product("beer", "04006381333931", "啤酒", "Beer", unit_price_minor=600, tax_rate_bp=1300, deposit_minor=50)
BOOK = Product("book", "09771234567003", "书", "Book", unit_price_minor=2000, tax_rate_bp=0)
GIFT = Product("gift", "06923450657713", "赠品", "Free sample", unit_price_minor=0, tax_rate_bp=1300)
SHELF = {product.gtin: product for product in (MILK, BEER, BOOK, GIFT)}
RULES = [
    PercentOff(
        id="beer-10", zh="啤酒九折", en="10 % off beer", currency="CNY", on=Target(product_ids=("beer",)), off_bp=1000
    )
]


class Shelf:
    """The products of these tests, found by their barcodes."""

    async def resolve(self, code: str, symbology: str | None, at: datetime) -> Resolved:
        read = CodeReader().read(code, at.date(), symbology)
        product = await self.find(read.gtin)
        if product is None:
            raise ProductUnknown(gtin=read.gtin)
        return Resolved(product, read)

    async def find(self, gtin: str) -> Product | None:
        return SHELF.get(gtin)


class Wire(httpx.AsyncBaseTransport):
    """The line to the wallet. ``fails`` holds what happens to the next requests, in order; then they go through.

    ``lose_request``: it never arrives. ``lose_answer``: it arrives, and its answer is lost. ``garble``: the answer is
    changed on the way. ``error``: someone in between answers 502.
    """

    def __init__(self, application: Any) -> None:
        self._inside = httpx.ASGITransport(application)
        self.fails: list[str] = []
        self.is_cut = False
        self.asked: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        fault = "lose_request" if self.is_cut else self.fails.pop(0) if self.fails else ""
        if fault == "lose_request":
            raise httpx.ConnectTimeout("the line is dead", request=request)
        if fault == "error":
            return httpx.Response(502, text="bad gateway", request=request)
        answer = await self._inside.handle_async_request(request)
        if fault == "lose_answer":
            raise httpx.ReadTimeout("the answer is lost", request=request)
        if fault == "garble":
            body = await answer.aread()
            return httpx.Response(answer.status_code, headers=answer.headers, content=body[:-2] + b" }")
        return answer


class Bank:
    """A sandbox wallet and its key, as the tests drive it: paying at its cashier, and sending what it planned."""

    def __init__(self, directory: Path, clock: ManualClock) -> None:
        self.clock = clock
        self.merchant_key, merchant_public = signing.ensure_key_pair(directory, "merchant")
        self.wire_to_store = LateTransport()
        self.app = WalletApp(
            Options(
                data_dir=directory,
                merchants=(Merchant(merchant_id=MERCHANT, public_key_file=merchant_public),),
                public_url="https://wallet.example",
            ),
            clock=clock,
            notify_transport=self.wire_to_store,
        )
        self.wire = Wire(self.app.asgi)
        self.signer = Signer(signing.load_private_key(directory / "wallet.key"))
        self.browser = httpx.AsyncClient(transport=httpx.ASGITransport(self.app.asgi))

    def account(self, kind: type[SandboxWallet] = SandboxWallet) -> SandboxWallet:
        """The store's client at this wallet."""
        return kind(
            provider_id=METHOD,
            merchant_id=MERCHANT,
            url="https://wallet.example",
            signer=Signer(signing.load_private_key(self.merchant_key)),
            wallet_key=signing.load_public_key(self.app.public_key_file),
            clock=self.clock,
            transport=self.wire,
        )

    async def press(self, url: str, action: str = "pay", trouble: str = "none") -> httpx.Response:
        """What a shopper does on the cashier page."""
        form = {"action": action, "trouble": trouble}
        return await self.browser.post(url, data=form, headers={"Accept": "application/json"})

    async def send(self) -> int:
        """Send the notifications that are due now."""
        return await self.app.notifier.send_due()

    def sign(self, body: bytes, *, at_s: int | None = None, signer: Signer | None = None) -> dict[str, str]:
        """The headers of a notification with this body."""
        timestamp_s = int(self.clock.now().timestamp()) if at_s is None else at_s
        nonce = new_id()
        return (signer or self.signer).headers(timestamp_s, nonce, signing.notification_text(timestamp_s, nonce, body))

    async def stop(self) -> None:
        await self.browser.aclose()
        await self.app.stop()


class LateTransport(httpx.AsyncBaseTransport):
    """The wallet's line to the store, which is built after the wallet."""

    inside: httpx.AsyncBaseTransport | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.inside is None:
            raise httpx.ConnectError("the store is closed", request=request)
        return await self.inside.handle_async_request(request)


class Till:
    """The store: its services, and HTTP as its shoppers speak it."""

    def __init__(
        self,
        database: Database,
        bank: Bank,
        providers: dict[str, Provider] | None = None,
        accounts: Sequence[Account] = (),
    ) -> None:
        self.database = database
        self.bank = bank
        self.access = Access(database)
        self.access.register("trip", _trip_principal)
        self.access.register("order", _order_principal)
        self.trips = Trips(database, Shelf(), RuleBook(RULES), currency="CNY", time_zone="Asia/Shanghai")
        self.orders = Orders(
            database,
            self.trips,
            public_url=PUBLIC_URL,
            token_key=b"k" * 32,
            standing=standing,
            closing=closing,
        )
        self.payments = Payments(
            database,
            {
                METHOD: bank.account(),
                **(providers or {}),
                CARD: StoredValueProvider(CARD, database),
                "cash": KioskCash("cash", database),
            },
            [ACCOUNT, CARD_ACCOUNT, CASH_ACCOUNT, *accounts],
            public_url=PUBLIC_URL,
            notify_bases={},
            order_token=self.orders.token,
        )
        self.notifications = Notifications(self.payments)
        self.worker = PaymentWorker(self.payments)
        self.cards = StoredValue(database, limit_minor=CARD_LIMIT_MINOR)
        self.returns = Returns(
            database,
            limit_minor=RETURN_LIMIT_MINOR,
            by_hand=frozenset(),
            order_of_receipt=order_of,
            last_contact=last_contact,
            was_paid_out=was_told,
        )
        self.coupons = Coupons(database, Redeeming(time_zone="Asia/Shanghai"), open_payment=open_attempt)
        self.receipts = Receipts(database, SELLER, [ACCOUNT, CARD_ACCOUNT, CASH_ACCOUNT])
        self.tills = Tills(database, method="cash")
        handlers = [
            *orders_routes.routes(self.orders, self.trips, self.access),
            *coupons_routes.routes(self.coupons, self.orders, self.access),
            *payments_routes.routes(self.payments, self.notifications, self.orders, self.access),
            *receipts_routes.routes(self.receipts, self.orders, self.access),
            *stored_value_routes.routes(
                self.cards, self.access, database.clock, "CNY", countersign=Staff(database).countersign
            ),
        ]
        self.asgi = Litestar(handlers, exception_handlers=EXCEPTION_HANDLERS, logging_config=None, openapi_config=None)
        transport = httpx.ASGITransport(self.asgi)
        self.http = httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL)
        bank.wire_to_store.inside = transport

    async def stop(self) -> None:
        await self.http.aclose()
        await self.worker.stop()
        await self.receipts.stop()
        await self.payments.stop()

    async def order(self, *products: Product) -> "Shopper":
        """A shopper who has submitted a basket of these products."""
        opened = await self.trips.open("zh", None)
        live = await self.trips.live(opened.id)
        for product in products:
            await self.trips.scan(live, Scan(new_id(), product.gtin[1:]))
        view, _ = await self.orders.submit(live)
        order = await self.database.read(lambda connection: orders_store.get(connection, view.id))
        assert order is not None
        return Shopper(self, order, opened.token, view.token)

    async def payment(self, payment_id: str) -> Payment:
        found = await self.database.read(lambda connection: store.get(connection, payment_id))
        assert found is not None
        return found

    async def attempts(self, order_id: str) -> list[Payment]:
        return await self.database.read(lambda connection: store.of_order(connection, order_id))

    async def balances(self) -> dict[str, int]:
        """Every account that holds something; all is in yuan here."""
        held = await self.database.read(ledger.balances)
        assert {currency for _, currency in held} <= {"CNY"}
        return {account: amount for (account, _), amount in held.items()}

    async def events(self, *kinds: str) -> list[tuple[str, dict[str, Any]]]:
        """The journal's events of some kinds, oldest first."""
        everything = await self.database.read(lambda connection: journal.read(connection, limit=100_000))
        return [(event.kind, event.payload()) for event in everything if not kinds or event.kind in kinds]

    async def notify(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        return await self.http.post(f"/api/payments/notifications/{METHOD}", content=body, headers=headers)

    async def work(self, passes: int = 1) -> None:
        for _ in range(passes):
            await self.worker.work_off()


class Shopper:
    """Someone with a submitted order."""

    def __init__(self, till: Till, order: Order, trip_token: str, order_token: str) -> None:
        self.till = till
        self.order = order
        self.trip_token = trip_token
        self.order_token = order_token
        self.path = f"/api/orders/{order.order_id}"

    async def call(
        self, method: str, path: str, body: Any = None, *, status: int | None = None, token: str | None = None
    ) -> dict[str, Any]:
        """The JSON answer; its status must be ``status``, or any of success."""
        headers = {"Authorization": f"Bearer {token or self.trip_token}"}
        response = await self.till.http.request(method, path, json=body, headers=headers)
        expected = response.is_success if status is None else response.status_code == status
        assert expected, f"{method} {path}: {response.status_code} {response.text}"
        answer: dict[str, Any] = response.json()
        return answer

    async def start_payment(self, *, status: int = 201, **body: Any) -> dict[str, Any]:
        return await self.call("POST", f"{self.path}/payments", {"method": METHOD, **body}, status=status)

    async def look(self, payment: dict[str, Any]) -> dict[str, Any]:
        return await self.call("GET", f"{self.path}/payments/{payment['id']}")

    async def close(self, payment: dict[str, Any], *, status: int = 200) -> dict[str, Any]:
        return await self.call("POST", f"{self.path}/payments/{payment['id']}/close", status=status)

    async def read(self) -> dict[str, Any]:
        return await self.call("GET", self.path)

    def told(self, paid_id: str, reference_told: str, /, **changes: Any) -> bytes:
        """The body of the notification that the wallet would send for a paid attempt, with changes."""
        body = NotificationBody(
            id=new_id(),
            kind="payment",
            merchant_id=MERCHANT,
            payment_id=paid_id,
            order_id=self.order.order_id,
            order_number=self.order.number,
            status="succeeded",
            amount=Money(self.order.total_minor, self.order.currency),
            reference=reference_told,
            at_s=0,
        )
        return msgspec.json.encode(msgspec.structs.replace(body, **changes))


def _trip_principal(connection: Connection, token_hash: str) -> Principal | None:
    row = trips_store.by_token(connection, token_hash)
    return Principal("trip", row.trip_id) if row is not None else None


def _order_principal(connection: Connection, token_hash: str) -> Principal | None:
    order = orders_store.by_token(connection, token_hash)
    return Principal("order", order.order_id) if order is not None else None


@pytest.fixture
async def bank(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Bank]:
    """A sandbox wallet."""
    opened = Bank(tmp_path / "wallet", clock)
    yield opened
    await opened.stop()


@pytest.fixture
async def till(database: Database, bank: Bank) -> AsyncIterator[Till]:
    """A store with that wallet; its background tasks run only where a test runs them."""
    opened = Till(database, bank)
    yield opened
    await opened.stop()


def one_note(payment_id: str) -> PaymentFinished:
    """What a kiosk tells of a payment that one note of ten yuan settled."""
    return PaymentFinished(
        payment_id=payment_id,
        revision=1,
        outcome="paid",
        currency="CNY",
        due_minor=1000,
        rounding_minor=0,
        tendered=[Tendered("CNY-1000-note", 1, 1000, "cashbox:notes")],
        dispensed={},
        debts=[],
    )
