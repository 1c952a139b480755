"""The use cases of receipts: one is issued for each paid order, once, by whoever comes first: the follower of the
journal, or the shopper who asks for it. Where a fiscal signer is wanted, it is written down as a draft first, and
issued once it is signed.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

import msgspec

from unqueue.kernel.clock import from_micros
from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import NotFound
from unqueue.kernel.journal import Event
from unqueue.kernel.settings import Provider as Account
from unqueue.kernel.settings import Store
from unqueue.providers.fiscal import FiscalSigner, NoFiscalSigner
from unqueue.providers.invoicing import InvoicePage
from unqueue.providers.port import ProviderError
from unqueue.server.coupons import redeeming
from unqueue.server.follower import Follower
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import OrderUnpaid
from unqueue.server.payments import store as payments_store
from unqueue.server.receipts import contact_store, store
from unqueue.server.receipts.model import Receipt, ReceiptHead, ReceiptUnsigned, StoreView, make_receipt, receipt_number

SIGN_AGAIN_S = 2.0
_log = logging.getLogger(__name__)


class Receipts:
    """All receipts of the store. ``accounts`` name the ways to pay, ``link`` gives the address of an order's web
    receipt, ``invoices`` the page where its buyer asks for an invoice.
    """

    def __init__(
        self,
        database: Database,
        seller: Store,
        accounts: Sequence[Account],
        *,
        link: Callable[[str], str] = lambda _: "",
        invoices: InvoicePage | None = None,
        signer: FiscalSigner | None = None,
    ) -> None:
        self._database = database
        self._zone = ZoneInfo(seller.time_zone)
        self._seller = StoreView(
            id=seller.id,
            name_zh=seller.name_zh,
            name_en=seller.name_en,
            address_zh=seller.address_zh,
            address_en=seller.address_en,
            tax_id=seller.tax_id,
        )
        self._methods = {account.id: (account.zh, account.en) for account in accounts}
        self._link = link
        self._invoices = invoices
        self._signer = signer or NoFiscalSigner()
        self._follower = Follower(database, "receipts", {"order.paid"}, self._hear)
        self._drafted = asyncio.Event()
        self._turn = asyncio.Lock()
        self._signing: asyncio.Task[None] | None = None
        if self._signer.signs:
            database.listen(self._wake)

    async def start(self) -> None:
        await self._follower.start()
        if self._signer.signs:
            self._drafted.set()
            self._signing = asyncio.create_task(self._sign_drafts(), name="fiscal-signer")

    async def stop(self) -> None:
        await self._follower.stop()
        if self._signing is not None:
            self._signing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._signing
            self._signing = None

    async def of(self, order_id: str) -> bytes:
        """The JSON of an order's receipt (``ReceiptView``), issued on the spot if need be. NotFound, OrderUnpaid;
        ReceiptUnsigned while the fiscal signer is away.

        Whoever calls has made sure who asks.
        """
        known = await self._database.read(lambda connection: store.of_order(connection, order_id))
        if known is None:
            known = await self._database.unit(lambda tx: self.issue(tx, order_id))
        if known is None:
            try:
                await self.sign_waiting()
            except ProviderError as error:
                raise ReceiptUnsigned from error
            known = await self._database.read(lambda connection: store.of_order(connection, order_id))
            assert known is not None, "every draft was signed"
        return self._shown(known)

    def _shown(self, row: store.ReceiptRow) -> bytes:
        """What was issued, and behind it where it is shown and where its invoice is asked for."""
        receipt = msgspec.json.decode(row.document, type=ReceiptHead)
        invoice_url = ""
        if self._invoices is not None and receipt.payable.amount_minor > 0:
            invoice_url = self._invoices.url(receipt.number, receipt.payable, receipt.issued_at)
        shown = msgspec.json.encode({"url": self._link(row.order_id), "invoice_url": invoice_url})
        return row.document.encode()[:-1] + b"," + shown[1:]

    def issue(self, tx: Transaction, order_id: str) -> store.ReceiptRow | None:
        """The receipt of a paid order, in a unit of work: the one that is there, or a new one. None where it waits as
        a draft for the fiscal signer.
        """
        known = store.of_order(tx.connection, order_id)
        if known is not None:
            return known
        if store.draft_of_order(tx.connection, order_id) is not None:
            return None
        row = self._drafted_row(tx, order_id)
        if self._signer.signs:
            store.insert_draft(tx, row)
            tx.record(
                "receipt.drafted", f"receipt:{row.number}", "system", {"number": row.number, "order_id": order_id}
            )
            return None
        self._issue(tx, row)
        return row

    def _drafted_row(self, tx: Transaction, order_id: str) -> store.ReceiptRow:
        order = orders_store.get(tx.connection, order_id)
        if order is None:
            raise NotFound
        if order.status not in {"paid", "left"}:
            raise OrderUnpaid
        issued_at = from_micros(tx.at_us)
        day = issued_at.astimezone(self._zone).strftime("%Y%m%d")
        sequence = store.next_sequence(tx.connection, day)
        number = receipt_number(day, sequence)
        receipt = make_receipt(
            order,
            orders_store.lines(tx.connection, order_id),
            payments_store.of_order(tx.connection, order_id),
            redeeming.summary(tx.connection, order),
            number=number,
            issued_at=issued_at,
            store=self._seller,
            methods=self._methods,
        )
        return store.ReceiptRow(number, order_id, day, sequence, tx.at_us, msgspec.json.encode(receipt).decode())

    def _issue(self, tx: Transaction, row: store.ReceiptRow) -> None:
        store.insert_receipt(tx, row)
        contact_store.release(tx, row.order_id)
        order = orders_store.get(tx.connection, row.order_id)
        trip_id = order.trip_id if order is not None else ""
        names = {"number": row.number, "order_id": row.order_id, "trip_id": trip_id, "status": "issued"}
        tx.record("receipt.issued", f"receipt:{row.number}", "system", names)

    def _wake(self, events: list[Event]) -> None:
        if any(event.kind == "receipt.drafted" for event in events):
            self._drafted.set()

    def _hear(self, tx: Transaction, event: Event) -> None:
        self.issue(tx, event.payload()["order_id"])

    async def sign_waiting(self) -> int:
        """Have every draft signed, in the order of their numbers, and issue it; how many. ProviderError."""
        signed = 0
        async with self._turn:
            while (draft := await self._database.read(store.first_draft)) is not None:
                signature = await self._signer.sign(draft.number, draft.document.encode())
                receipt = msgspec.json.decode(draft.document, type=Receipt)
                document = msgspec.json.encode(msgspec.structs.replace(receipt, fiscal=signature)).decode()
                row = msgspec.structs.replace(draft, document=document)
                await self._database.unit(lambda tx, row=row: self._issue_draft(tx, row))  # type: ignore[misc]
                signed += 1
        return signed

    def _issue_draft(self, tx: Transaction, row: store.ReceiptRow) -> None:
        store.delete_draft(tx, row.number)
        self._issue(tx, row)

    async def _sign_drafts(self) -> None:
        while True:
            await self._drafted.wait()
            self._drafted.clear()
            try:
                await self.sign_waiting()
            except Exception:  # noqa: BLE001  # whatever it is, the receipts must not wait for a restart
                _log.exception("receipts wait for the fiscal signer; asking again")
                await asyncio.sleep(SIGN_AGAIN_S)
                self._drafted.set()
