"""The use cases of receipts by SMS: a number is given, taken back, and asked about; the text is made."""

import hashlib
from collections.abc import Callable, Mapping
from os import urandom

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection

from unqueue.kernel.clock import from_micros, micros
from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import NotFound
from unqueue.kernel.ids import new_id
from unqueue.kernel.settings import Store
from unqueue.providers.sms.numbers import NumberUnfit, masked, normalised
from unqueue.providers.sms.port import SmsMessage, SmsSender
from unqueue.server.orders import store as orders_store
from unqueue.server.orders.model import Order, OrderClosed
from unqueue.server.receipts import contact_store as contacts_store
from unqueue.server.receipts import store
from unqueue.server.receipts.contacts import (
    AGAIN,
    CLOSED,
    CONSENT_VERSION,
    NUMBERS_MAX,
    OPEN,
    PURPOSE,
    SENT_AGAIN_MAX,
    TROUBLED_DAYS,
    TROUBLED_S,
    TROUBLES_MAX,
    Contact,
    Language,
    Message,
    NumberGone,
    NumberRefused,
    NumbersUsedUp,
    ReceiptSms,
    SmsNotFailed,
    SmsNotOffered,
    SmsTrouble,
    SmsUnderWay,
    Status,
    text,
    told,
    why,
)
from unqueue.server.receipts.model import ReceiptHead

_NONCE_BYTES = 12
_S = 1_000_000


class Sealing:
    """Numbers as they lie in the database: AES-256-GCM, bound to their order."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, number: str, order_id: str) -> bytes:
        nonce = urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, number.encode(), order_id.encode())

    def opened(self, sealed: bytes, order_id: str) -> str:
        return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], order_id.encode()).decode()


class Texting:
    """Receipts by SMS. ``link`` gives the address of an order's web receipt; without ``sender`` no SMS is sent."""

    def __init__(
        self,
        database: Database,
        seller: Store,
        sender: SmsSender | None,
        *,
        key: bytes,
        country: str,
        link: Callable[[str], str],
    ) -> None:
        self.database = database
        self.sender = sender
        self._seller = (seller.name_zh, seller.name_en)
        self._sealing = Sealing(key)
        self._country = country
        self._link = link

    async def give(self, order: Order, number: str, *, keep: bool, language: Language, actor: str) -> ReceiptSms:
        """Have the receipt sent to a number, now or once there is one. The same number again is the same SMS.

        ``keep``: the shopper agrees that the number stays after delivery. SmsNotOffered, NumberRefused, OrderClosed,
        SmsUnderWay (it left for another number), NumbersUsedUp.
        """
        if self.sender is None:
            raise SmsNotOffered
        if order.status == "closed":
            raise OrderClosed
        e164 = self._normalised(number)
        agreed = self._agreed(order.order_id, e164, keep=keep, language=language)
        await self.database.unit(lambda tx: self._give(tx, order, e164, agreed, actor))
        return await self.state(order.order_id)

    def _normalised(self, number: str) -> str:
        try:
            return normalised(number, self._country)
        except NumberUnfit as unfit:
            raise NumberRefused(fault=unfit.fault) from None  # its cause holds what was typed

    def _agreed(self, order_id: str, e164: str, *, keep: bool, language: Language) -> Contact:
        return Contact(
            order_id=order_id,
            sealed=self._sealing.seal(e164, order_id),
            shown=masked(e164),
            keep=keep,
            consent_version=CONSENT_VERSION,
            consent_us=micros(self.database.clock.now()),
            language=language,
        )

    async def troubles(self) -> list[SmsTrouble]:
        """Receipts whose SMS failed, or has not left for a minute, the newest first."""
        now_us = micros(self.database.clock.now())

        def read(connection: Connection) -> list[SmsTrouble]:
            before_us, since_us = now_us - TROUBLED_S * _S, now_us - TROUBLED_DAYS * 86_400 * _S
            found = contacts_store.in_trouble(connection, before_us, since_us, TROUBLES_MAX)
            return [_trouble(connection, one) for one in found]

        return await self.database.read(read)

    async def send_again(self, order_id: str, act_id: str, number: str, *, actor: str) -> ReceiptSms:
        """A member of staff has the SMS of a receipt sent again, to ``number``, or (empty) to the one that is kept.

        A message of its own with an entry in the journal: the same ``act_id`` again is the same SMS. One that never
        left is only hastened. SmsNotOffered, NumberRefused, NotFound, SmsNotFailed, NumberGone, NumbersUsedUp.
        """
        if self.sender is None:
            raise SmsNotOffered
        e164 = self._normalised(number) if number else ""
        order = await self.database.read(lambda connection: orders_store.get(connection, order_id))
        if order is None:
            raise NotFound
        await self.database.unit(lambda tx: self._send_again(tx, order, act_id, e164, actor))
        return await self.state(order_id)

    def _send_again(self, tx: Transaction, order: Order, act_id: str, e164: str, actor: str) -> None:
        known = contacts_store.message(tx.connection, order.order_id)
        before = contacts_store.contact(tx.connection, order.order_id)
        if known is None or before is None:
            raise NotFound
        message_id = hashlib.blake2b(f"{order.order_id} {act_id}".encode(), digest_size=16).hexdigest()
        if contacts_store.was_sent_again(tx.connection, order.order_id, message_id):
            return
        if known.status not in AGAIN:
            raise SmsNotFailed
        is_kept = before.sealed is not None and (not e164 or self._is(before, e164))
        if not e164 and not is_kept:
            raise NumberGone
        how = {"before": known.status, "number": "same" if is_kept else "other", "act": message_id}
        if known.status == "due" and is_kept:  # nothing has left: it need not wait longer
            contacts_store.move(tx, known, "due", due_us=tx.at_us)
            said = {**names(tx, order.order_id, "due"), **how}
            tx.record("receipt.sms_sent_again", f"receipt:{order.order_id}", actor, said)
            return
        if known.numbers >= SENT_AGAIN_MAX:
            raise NumbersUsedUp
        contacts_store.forget(tx, known)
        contact = before if is_kept else self._agreed(order.order_id, e164, keep=False, language=before.language)
        self._put(tx, order, contact, known.numbers + 1, actor, message_id=message_id, again=how)

    def _give(self, tx: Transaction, order: Order, number: str, agreed: Contact, actor: str) -> None:
        known = contacts_store.message(tx.connection, order.order_id)
        before = contacts_store.contact(tx.connection, order.order_id)
        is_same = before is not None and self._is(before, number)
        if known is not None and is_same and known.status not in CLOSED:
            if before is not None and before.sealed is not None:  # only what was agreed to may change
                contacts_store.put_contact(tx, msgspec.structs.replace(agreed, sealed=before.sealed))
            return
        numbers = 1
        if known is not None:
            if known.status not in CLOSED | OPEN:
                raise SmsUnderWay
            if known.numbers >= NUMBERS_MAX:
                raise NumbersUsedUp
            numbers = known.numbers + 1
            contacts_store.forget(tx, known)
        self._put(tx, order, agreed, numbers, actor)

    def _is(self, contact: Contact, number: str) -> bool:
        """Whether this is the contact's number. Of one that was dropped only the last digits can be compared."""
        if contact.sealed is None:
            return contact.shown == masked(number)
        return self._sealing.opened(contact.sealed, contact.order_id) == number

    def _put(
        self,
        tx: Transaction,
        order: Order,
        agreed: Contact,
        numbers: int,
        actor: str,
        *,
        message_id: str = "",
        again: Mapping[str, str] | None = None,
    ) -> None:
        status: Status = "due" if store.of_order(tx.connection, order.order_id) is not None else "waiting"
        contacts_store.put_contact(tx, agreed)
        made = Message(
            message_id=message_id or new_id(),
            order_id=order.order_id,
            purpose=PURPOSE,
            status=status,
            reference="",
            problem="",
            tries=0,
            numbers=numbers,
            created_us=tx.at_us,
            first_us=None,
            due_us=tx.at_us if status == "due" else None,
            changed_us=tx.at_us,
        )
        contacts_store.insert_message(tx, made)
        kind = "receipt.sms_asked" if again is None else "receipt.sms_sent_again"
        tx.record(kind, f"receipt:{order.order_id}", actor, {**names(tx, order.order_id, status), **(again or {})})

    async def state(self, order_id: str) -> ReceiptSms:
        """How far the SMS is. NotFound where no number was given."""
        message = await self.database.read(lambda connection: contacts_store.message(connection, order_id))
        contact = await self.database.read(lambda connection: contacts_store.contact(connection, order_id))
        if message is None or contact is None:
            raise NotFound
        zh, en = told(message.status)
        keep = contact.keep and contact.sealed is not None
        return ReceiptSms(message.status, contact.shown, keep, zh, en, from_micros(message.changed_us).isoformat())

    async def withdraw(self, order_id: str, actor: str) -> None:
        """Forget the number; what has not left is not sent. Again, and where there is none, changes nothing."""
        await self.database.unit(lambda tx: self._withdraw(tx, order_id, actor))

    def _withdraw(self, tx: Transaction, order_id: str, actor: str) -> None:
        message = contacts_store.message(tx.connection, order_id)
        if message is None:
            return
        contacts_store.drop_number(tx, order_id, wholly=True)
        if message.due_us is None and message.status not in OPEN | {"sending"}:
            return
        contacts_store.move(tx, message, "withdrawn", due_us=None)
        tx.record("receipt.sms_withdrawn", f"receipt:{order_id}", actor, names(tx, order_id, "withdrawn"))

    def written(self, contact: Contact, message: Message, document: str) -> SmsMessage:
        """The message as it leaves. The contact has its number still."""
        assert contact.sealed is not None, "a dropped number is asked for nothing"
        receipt = msgspec.json.decode(document, type=ReceiptHead)
        url = self._link(contact.order_id)
        store_name = self._seller[0 if contact.language == "zh" else 1]
        return SmsMessage(
            message_id=message.message_id,
            number=self._sealing.opened(contact.sealed, contact.order_id),
            language=contact.language,
            fields={
                "store": store_name,
                "total": str(receipt.payable),
                "receipt": receipt.number,
                "code": url.rpartition("/")[2],
            },
            text=text(self._seller, receipt.payable, receipt.number, url, contact.language),
            created_us=message.first_us if message.first_us is not None else message.created_us,
        )


def _trouble(connection: Connection, one: Message) -> SmsTrouble:
    order = orders_store.get(connection, one.order_id)
    receipt = store.of_order(connection, one.order_id)
    contact = contacts_store.contact(connection, one.order_id)
    assert order is not None, "orders are never deleted"
    assert contact is not None, "a message has its contact"
    zh, en = why(one.status, one.problem)
    return SmsTrouble(
        order_id=one.order_id,
        order_number=order.number,
        receipt_number=receipt.number if receipt is not None else "",
        status=one.status,
        number=contact.shown,
        number_kept=contact.sealed is not None,
        language=contact.language,
        zh=zh,
        en=en,
        problem=one.problem,
        since=from_micros(one.first_us or one.created_us).isoformat(),
        sends=one.numbers,
    )


def names(tx: Transaction, order_id: str, status: Status) -> dict[str, str]:
    """What the journal says of a message: never its number."""
    order = orders_store.get(tx.connection, order_id)
    return {"order_id": order_id, "trip_id": order.trip_id if order is not None else "", "status": status}
