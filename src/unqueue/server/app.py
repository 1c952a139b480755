"""The composition root of the merchant server: the one place that knows every capability."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec
from litestar import Litestar, Request, get
from litestar.datastructures import ResponseHeader, State
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from sqlalchemy import Connection

from unqueue import __version__
from unqueue.devices.drivers.escpos_printer import EscposPrinter, EscposPrinterSettings
from unqueue.kernel.clock import Clock
from unqueue.kernel.database import Database
from unqueue.kernel.errors import NotFound
from unqueue.kernel.settings import Provider as Account
from unqueue.kernel.settings import Settings
from unqueue.kernel.settings_staff import origin_of, passkey_host
from unqueue.passes import baskets
from unqueue.providers.invoicing import open_invoice_page
from unqueue.providers.kinds import OWN_KINDS, notify_bases, open_providers
from unqueue.providers.oidc import open_oidc
from unqueue.providers.port import Provider
from unqueue.providers.sms import default_country, open_sender
from unqueue.server import events
from unqueue.server.access import Access, Principal
from unqueue.server.audits import routes as audits_routes
from unqueue.server.audits.service import Audits, rules_of
from unqueue.server.catalogue import routes as catalogue_routes
from unqueue.server.catalogue.service import Catalogue
from unqueue.server.coupons import routes as coupons_routes
from unqueue.server.coupons.guessing import Guessing
from unqueue.server.coupons.in_basket import BasketCoupons
from unqueue.server.coupons.policy import policy_of
from unqueue.server.coupons.redeeming import Redeeming
from unqueue.server.coupons.service import Coupons
from unqueue.server.exits import routes as exits_routes
from unqueue.server.exits.bags import Bags
from unqueue.server.exits.bays import Bays
from unqueue.server.exits.before_lane import AgeChecks
from unqueue.server.exits.calls import Calls
from unqueue.server.exits.gate import Gates
from unqueue.server.exits.goods import Goods
from unqueue.server.exits.issuing import Passes
from unqueue.server.exits.keys import signing_key
from unqueue.server.exits.offline import OfflineLanes
from unqueue.server.exits.service import Exits
from unqueue.server.exits.supplements import Supplements
from unqueue.server.exits.trolleys import Trolleys
from unqueue.server.figures import routes as figures_routes
from unqueue.server.figures.service import StoreFigures
from unqueue.server.fleet import routes as fleet_routes
from unqueue.server.fleet.service import Fleet, device_principal, kiosks, lanes, open_lanes
from unqueue.server.fleet.store import is_closed, is_registered, last_contact
from unqueue.server.guesses import Guard
from unqueue.server.handovers import routes as handovers_routes
from unqueue.server.handovers.service import Handovers
from unqueue.server.keys import secret_file
from unqueue.server.members import Members
from unqueue.server.orders import routes as orders_routes
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.service import Orders
from unqueue.server.overrides import routes as overrides_routes
from unqueue.server.overrides.service import Overrides
from unqueue.server.payments import routes as payments_routes
from unqueue.server.payments.notifications import Notifications
from unqueue.server.payments.routes import PAYERS
from unqueue.server.payments.service import Payments
from unqueue.server.payments.views import closing, open_attempt, standing
from unqueue.server.payments.worker import PaymentWorker
from unqueue.server.problems import EXCEPTION_HANDLERS
from unqueue.server.promotions import routes as promotions_routes
from unqueue.server.promotions.service import Promotions
from unqueue.server.receipts import desk_routes
from unqueue.server.receipts import routes as receipts_routes
from unqueue.server.receipts import store as receipts_store
from unqueue.server.receipts.service import Receipts
from unqueue.server.receipts.slips import Slips
from unqueue.server.receipts.texting import Texting
from unqueue.server.receipts.worker import SmsWorker
from unqueue.server.returns import routes as returns_routes
from unqueue.server.returns import store as returns_store
from unqueue.server.returns.service import Returns
from unqueue.server.returns.views import ReturnView, return_view
from unqueue.server.screens import screens
from unqueue.server.settlement import routes as settlement_routes
from unqueue.server.settlement.service import Settlement
from unqueue.server.staff import routes as staff_routes
from unqueue.server.staff import sign_in_routes
from unqueue.server.staff.head_office import HeadOffice
from unqueue.server.staff.passkeys import Passkeys
from unqueue.server.staff.routes import Floor, StoreName
from unqueue.server.staff.service import Staff
from unqueue.server.staff.sessions import Sessions
from unqueue.server.staff.settings_rules import console_url
from unqueue.server.staff.sign_in_routes import Named, SignInWays
from unqueue.server.staff.tickets import Tickets
from unqueue.server.staff.today import Today
from unqueue.server.staff.webauthn import RelyingParty
from unqueue.server.stored_value import routes as stored_value_routes
from unqueue.server.stored_value.service import StoredValue, StoredValueProvider
from unqueue.server.tills import routes as tills_routes
from unqueue.server.tills import store as tills_store
from unqueue.server.tills.service import KioskCash, Tills
from unqueue.server.trips import routes as trips_routes
from unqueue.server.trips import store as trips_store
from unqueue.server.trips.door import ScanDoor
from unqueue.server.trips.service import Trips
from unqueue.server.weigh_check.service import WeighCheck

BODY_BYTES_MAX = 1_000_000


class MerchantServer:
    """Everything of one store's server, made from its settings and wired together."""

    def __init__(
        self, settings: Settings, *, clock: Clock | None = None, providers: Mapping[str, Provider] | None = None
    ) -> None:
        self.settings = settings
        self.database = Database(settings.database_url, clock=clock)
        self.access = Access(self.database)
        self.access.register("trip", _trip_principal)
        self.access.register("order", _order_principal)
        self.hub = events.Hub(self.database)
        self.catalogue = Catalogue(self.database, settings)
        self.promotions = Promotions(self.database)
        redeeming = Redeeming(time_zone=settings.store.time_zone, policy=policy_of(settings.coupons))
        guessing = Guessing()
        in_basket = BasketCoupons(self.database, redeeming, guessing)
        self.guard = Guard()
        members_key = secret_file(settings.server.data_dir / "keys" / "members.key")
        self.members = Members(self.database, members_key, self.guard)
        baskets_secret = secret_file(settings.server.data_dir / "keys" / "baskets.key")
        self.trips = Trips(
            self.database,
            self.catalogue,
            self.promotions,
            currency=settings.store.currency,
            time_zone=settings.store.time_zone,
            coupons=in_basket,
            members=self.members,
            basket_key=lambda trip_id: baskets.key_of(baskets_secret, trip_id),
        )
        self.orders = Orders(
            self.database,
            self.trips,
            public_url=settings.store.public_url,
            token_key=secret_file(settings.server.data_dir / "keys" / "order-token.key"),
            standing=standing,
            closing=closing,
            opening=in_basket.reserve,
            expiry_minutes=settings.server.order_expiry_minutes,
        )
        self.handovers = Handovers(self.trips, self.orders, secret=baskets_secret)
        self.coupons = Coupons(self.database, redeeming, open_payment=open_attempt, guessing=guessing)
        accounts = settings.payments.providers
        self.stored_value = StoredValue(self.database, limit_minor=settings.payments.second_person_above_minor)
        self.payments = Payments(
            self.database,
            self._providers(accounts) if providers is None else providers,
            accounts,
            public_url=settings.store.public_url,
            notify_bases=notify_bases(settings),
            order_token=self.orders.token,
            guard=self.guard,
        )
        self.notifications = Notifications(self.payments)
        self.payment_worker = PaymentWorker(self.payments)
        self.receipts = Receipts(
            self.database,
            settings.store,
            accounts,
            link=self._receipt_url,
            invoices=open_invoice_page(settings.receipts),
        )
        self.texting = Texting(
            self.database,
            settings.store,
            open_sender(settings.sms, self.database.clock),
            key=secret_file(settings.server.data_dir / "keys" / "receipt-numbers.key"),
            country=default_country(settings),
            link=self._receipt_url,
        )
        self.sms_worker = SmsWorker(self.texting)
        cash = next((account.id for account in accounts if account.kind == "cash"), "cash")
        self.tills = Tills(self.database, method=cash)
        self.returns = Returns(
            self.database,
            limit_minor=settings.payments.second_person_above_minor,
            by_hand=frozenset(account.id for account in accounts if account.kind == "cash"),
            order_of_receipt=receipts_store.order_of,
            last_contact=last_contact,
            was_paid_out=tills_store.was_told,
        )
        self.slips = Slips(
            self.database,
            settings.store,
            accounts,
            return_of=self._return,
            printer=_desk_printer(settings),
            width_chars=settings.desk.printer.width_chars if settings.desk.printer else 48,
        )
        self.settlement = Settlement(self.database, accounts)
        self._open_exits(settings)
        self._watching: list[asyncio.Task[None]] = []

    def _providers(self, accounts: Sequence[Account]) -> dict[str, Provider]:
        """Whom one can pay through: the world outside, and the store's own cards."""
        outside = [account for account in accounts if account.kind not in OWN_KINDS]
        opened = open_providers(outside, self.database.clock)
        own = {
            account.id: StoredValueProvider(account.id, self.database)
            for account in accounts
            if account.kind == "stored_value"
        }
        cash = {account.id: KioskCash(account.id, self.database) for account in accounts if account.kind == "cash"}
        return {**opened, **own, **cash}

    def _open_exits(self, settings: Settings) -> None:
        """Exits, the calls they make, and the people who answer."""
        self.fleet = Fleet(self.database)
        self.access.register("device", device_principal)
        self.weigh_check = WeighCheck(
            self.database,
            self.trips,
            settings.server.data_dir / "weigh-check",
            false_alarm=settings.weighing.false_alarm,
        )
        self.bags = Bags(self.database, bags_max=settings.weighing.bags_max, containers=settings.weighing.containers)
        self.bays = Bays(self.database, last_contact=last_contact)
        judge = self.weigh_check if settings.weighing.learns else None
        self.audits = Audits(
            self.database,
            self.catalogue,
            rules_of(settings.audits),
            let_out=self.bays.let_out,
            currency=settings.store.currency,
            time_zone=settings.store.time_zone,
        )
        audit_of = self.audits.of_order_at_lane if self.audits.is_on else None
        self.exits = Exits(
            self.database,
            passes=Passes(
                self.database,
                store_id=settings.store.id,
                key=signing_key(settings.server.data_dir / "keys"),
                minutes=settings.exit_pass.minutes,
                lanes_of=open_lanes,
                judge=judge,
                is_returned=returns_store.is_returned,
                is_held=lambda tx, order: audit_of is not None and audit_of(tx, order) is not None,
            ),
            last_contact=last_contact,
            judge=judge,
            audit_of=audit_of,
            is_closed=is_closed,
            is_returned=returns_store.is_returned,
        )
        self.offline_lanes = OfflineLanes(
            self.database, self.exits.passes, let_out=self.bays.let_out, last_contact=last_contact
        )
        self.goods = Goods(self.database, self.catalogue, time_zone=settings.store.time_zone)
        self.calls = Calls(self.database, self.goods, let_out=self.bays.let_out, send_back=self.bays.send_back)
        self.gates = Gates(self.database)
        self.age_checks = AgeChecks(self.database)
        self.supplements = Supplements(self.database, self.trips, self.orders)
        self._open_staff(settings)
        self.today = Today(self.database, currency=settings.store.currency, time_zone=settings.store.time_zone)
        store = settings.store
        self.figures = StoreFigures(
            self.database, currency=store.currency, time_zone=store.time_zone, is_device=is_registered
        )
        self.overrides = Overrides(self.database, currency=store.currency, time_zone=store.time_zone)
        name = StoreName(settings.store.id, settings.store.name_zh, settings.store.name_en)
        self.floor = Floor(self.database, store=name, lanes_of=lanes, kiosks_of=kiosks, today=self.today)

    def _open_staff(self, settings: Settings) -> None:
        """Who may sign in to the console, and how."""
        passkey_for = frozenset(settings.staff.passkey_for)
        self.staff = Staff(self.database, passkey_for=passkey_for)
        self.staff_sessions = Sessions(self.database, passkey_for=passkey_for)
        self.access.register("staff", self.staff_sessions.principal)
        self.access.register("enrolment", self.staff_sessions.enrolment)
        url = console_url(settings)
        host = passkey_host(url)
        party = RelyingParty(host=host, origin=origin_of(url), name=settings.store.name_en) if host else None
        self.passkeys = Passkeys(self.database, party, Tickets(self.database.clock))
        oidc = settings.staff.oidc
        self.head_office = HeadOffice(
            self.database,
            open_oidc(oidc, self.database.clock, redirect_uri=f"{url}/console/"),
            Tickets(self.database.clock),  # its own: a flood at one way of signing in leaves the other open
            roles=oidc.roles,
            role_claim=oidc.role_claim,
            name_claim=oidc.name_claim,
        )
        self._sign_in_ways = SignInWays(
            passkey_origin=origin_of(url) if party is not None else None,
            head_office=Named(oidc.zh, oidc.en) if oidc.issuer else None,
        )

    def sign_in_ways(self) -> SignInWays:
        """How staff can sign in, besides name and PIN."""
        return self._sign_in_ways

    def _receipt_url(self, order_id: str) -> str:
        """Where a shopper reads the receipt: the order's own page, which works after leaving, too."""
        return f"{self.settings.store.public_url}/o/{self.orders.token(order_id)}"

    async def start(self) -> None:
        """Open the store: read what was, and go on with it."""
        await self.database.start()
        await self.promotions.start()
        await self.today.start()
        await self.payment_worker.start()
        await self.receipts.start()
        await self.sms_worker.start()
        await self.audits.start()
        await self.age_checks.start()
        if self.settings.weighing.learns:
            await self.weigh_check.start()
        self._watching = [asyncio.create_task(self.fleet.watch()), asyncio.create_task(self.orders.watch())]

    async def stop(self) -> None:
        """Close it: streams end, what was asked for becomes durable."""
        self.hub.close()
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        await self.weigh_check.stop()
        await self.audits.stop()
        await self.overrides.stop()
        await self.age_checks.stop()
        await self.promotions.stop()
        await self.receipts.stop()
        await self.sms_worker.stop()
        await self.payment_worker.stop()
        await self.payments.stop()
        await self.database.close()

    async def _return(self, return_id: str) -> ReturnView:
        """A return by its id, for its slip. NotFound."""

        def read(connection: Connection) -> ReturnView:
            made = returns_store.get(connection, return_id)
            order = orders_store.get(connection, made.order_id) if made is not None else None
            if made is None or order is None:
                raise NotFound
            return return_view(connection, order, made)

        return await self.database.read(read)

    async def _receipt_json(self, order_id: str) -> msgspec.Raw:
        return msgspec.Raw(await self.receipts.of(order_id))

    def handlers(self) -> list[HTTPRouteHandler]:
        return [
            *trips_routes.routes(self.trips),
            *orders_routes.routes(self.orders, self.trips, self.access),
            *coupons_routes.routes(self.coupons, self.orders, self.access, PAYERS),
            *payments_routes.routes(self.payments, self.notifications, self.orders, self.access),
            *tills_routes.routes(self.tills, self.orders, self.access),
            *handovers_routes.routes(self.handovers, self.access),
            *returns_routes.routes(self.returns, self.access),
            *settlement_routes.routes(self.settlement, self.access),
            *receipts_routes.routes(
                self.receipts,
                self.orders,
                self.access,
                texting=self.texting,
                time_zone=self.settings.store.time_zone,
            ),
            *desk_routes.routes(self.texting, self.slips, self.access),
            *stored_value_routes.routes(
                self.stored_value,
                self.access,
                self.database.clock,
                self.settings.store.currency,
                self.guard,
                countersign=self.staff.countersign,
            ),
            *catalogue_routes.routes(self.catalogue),
            *promotions_routes.routes(self.promotions, self.database.clock, self.settings.store.time_zone),
            *audits_routes.routes(self.audits, self.access),
            *exits_routes.trolley_routes(Trolleys(self.database), self.access),
            *exits_routes.routes(
                self.exits, self.offline_lanes, self.calls, self.bays, self.access, self._receipt_json
            ),
            *exits_routes.bags_routes(self.bags, self.access),
            *exits_routes.gate_routes(self.gates, self.access),
            *exits_routes.age_check_routes(self.age_checks, self.access),
            *staff_routes.routes(
                self.staff,
                self.staff_sessions,
                self.floor,
                self.calls,
                self.supplements,
                self.goods,
                self.access,
            ),
            *sign_in_routes.routes(self.passkeys, self.head_office, self.access, self.sign_in_ways),
            *figures_routes.routes(self.figures, self.access),
            *overrides_routes.routes(self.overrides, self.access),
            *fleet_routes.routes(self.fleet, self.access),
            *events.routes(self.hub, self.access),
            health,
            openapi,
        ]


@get("/api/health", tags=["operations"])
async def health() -> dict[str, str]:
    """Answers when the server is up."""
    return {"status": "ok", "version": __version__}


@get("/openapi.json", include_in_schema=False, sync_to_thread=False)
def openapi(request: Request[Any, Any, State]) -> dict[str, Any]:
    """The contract in the form that machines read (OpenAPI 3.1)."""
    return request.app.openapi_schema.to_schema()


def create_app(settings: Settings, *, clock: Clock | None = None) -> ScanDoor:
    """The ASGI application of one store."""
    return application(MerchantServer(settings, clock=clock))


def application(server: MerchantServer) -> ScanDoor:
    """The ASGI application of a server that was put together; it starts and stops with it."""
    return ScanDoor(routed(server), server.trips)


def routed(server: MerchantServer) -> Litestar:
    """All routes of a server, and their contract (``openapi_schema``)."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        await server.start()
        try:
            yield
        finally:
            await server.stop()

    return Litestar(
        route_handlers=[*server.handlers(), *screens()],
        lifespan=[lifespan],
        exception_handlers=EXCEPTION_HANDLERS,
        response_headers=[ResponseHeader(name="Store-Time-Zone", value=server.settings.store.time_zone)],
        request_max_body_size=BODY_BYTES_MAX,
        openapi_config=OpenAPIConfig(
            title="Unqueue", version=__version__, path="/api/schema", render_plugins=[JsonRenderPlugin()]
        ),
        logging_config=None,
    )


def _desk_printer(settings: Settings) -> EscposPrinter | None:
    """The service desk's printer, which this server reaches."""
    printer = settings.desk.printer
    if printer is None:
        return None
    return EscposPrinter(
        EscposPrinterSettings(
            printer.url,
            width_chars=printer.width_chars,
            time_zone=settings.store.time_zone,
            baud_rate=printer.baud_rate,
            answers_status=printer.answers_status,
        )
    )


def _trip_principal(connection: Connection, token_hash: str) -> Principal | None:
    row = trips_store.by_token(connection, token_hash)
    return Principal("trip", row.trip_id) if row is not None else None


def _order_principal(connection: Connection, token_hash: str) -> Principal | None:
    order = orders_store.by_token(connection, token_hash)
    return Principal("order", order.order_id) if order is not None else None
