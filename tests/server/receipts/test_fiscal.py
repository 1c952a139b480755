"""A fiscal signer is asked before a receipt is issued: in order, again after a crash, and never for nothing.
The invoice's page gets a link that it can trust.
"""

import asyncio
import hashlib
import hmac
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.support.tills import GIFT, METHOD, MILK, SELLER, Shopper, Till

from unqueue.kernel.money import Money
from unqueue.kernel.settings import Receipts as ReceiptSettings
from unqueue.kernel.settings import Settings
from unqueue.providers.fiscal import FiscalField, FiscalSignature, NoFiscalSigner
from unqueue.providers.invoicing import SignedInvoicePage, check_settings, open_invoice_page
from unqueue.providers.port import ProviderUnavailable
from unqueue.server.receipts.service import Receipts

pytestmark = pytest.mark.anyio


class ChainSigner:
    """Signs each receipt together with the one before it, as Austria's RKSV chains them. ``away``: unplugged."""

    signs = True

    def __init__(self) -> None:
        self.away = False
        self.asked: list[str] = []
        self.made: dict[str, FiscalSignature] = {}
        self._last = b"start"

    async def sign(self, number: str, document: bytes) -> FiscalSignature:
        self.asked.append(number)
        await asyncio.sleep(0)
        if self.away:
            raise ProviderUnavailable("unplugged")
        if number not in self.made:
            self._last = hashlib.sha256(self._last + document).digest()
            self.made[number] = FiscalSignature((FiscalField("签名", "Signature", self._last.hex()),))
        return self.made[number]


async def pay(till: Till, shopper: Shopper) -> str:
    payment = await shopper.start_payment()
    if payment["action"]:
        await till.bank.press(payment["action"]["url"])
        await till.bank.send()
    return shopper.order.order_id


def signing(till: Till, signer: ChainSigner) -> Receipts:
    return Receipts(till.database, SELLER, [], signer=signer)


async def test_receipts_are_signed_in_the_order_of_their_numbers(till: Till) -> None:
    signer = ChainSigner()
    receipts = signing(till, signer)
    orders = [await pay(till, await till.order(MILK)) for _ in range(4)]
    shown = await asyncio.gather(*(receipts.of(order_id) for order_id in reversed(orders)))
    numbers = [data["number"] for _, data in await till.events("receipt.issued")]
    assert signer.asked == numbers == sorted(numbers)
    assert all(b'"en":"Signature"' in document for document in shown)
    assert {*await asyncio.gather(*(receipts.of(order_id) for order_id in orders))} == {*shown}
    assert len(signer.asked) == 4


async def test_while_the_signer_is_away_receipts_wait_and_nothing_else(till: Till) -> None:
    signer = ChainSigner()
    receipts = till.receipts = signing(till, signer)
    signer.away = True
    shopper = await till.order(MILK)
    order_id = await pay(till, shopper)
    await receipts._follower.catch_up()
    assert (await shopper.read())["status"] == "paid"
    with pytest.raises(Exception, match="receipt_unsigned"):
        await receipts.of(order_id)
    assert await till.events("receipt.issued") == []
    signer.away = False
    again = signing(till, signer)  # after a restart
    await again.start()
    async with asyncio.timeout(5):
        while not await till.events("receipt.issued"):  # it is another task's work
            await asyncio.sleep(0.01)
    await again.stop()
    assert b"Signature" in await receipts.of(order_id)
    assert [data["number"] for _, data in await till.events("receipt.drafted")] == ["R-20260302-000001"]


async def test_an_answer_that_was_lost_is_the_same_again(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signer signs, and the power goes before that is written down."""
    signer = ChainSigner()
    receipts = signing(till, signer)
    order_id = await pay(till, await till.order(MILK))
    with monkeypatch.context() as patch:
        patch.setattr(receipts, "_issue_draft", _power_cut)
        with pytest.raises(RuntimeError):
            await receipts.of(order_id)
    (signature,) = signer.made.values()
    document = await signing(till, signer).of(order_id)
    assert signature.fields[0].value.encode() in document
    assert len(signer.asked) == 2


def _power_cut(*_: object) -> None:
    raise RuntimeError("power cut")


async def test_no_signer_adds_nothing(till: Till) -> None:
    order_id = await pay(till, await till.order(MILK))
    assert b'"fiscal":{"fields":[],"qr":""}' in await till.receipts.of(order_id)
    assert await NoFiscalSigner().sign("R-1", b"{}") == FiscalSignature()
    assert await till.events("receipt.drafted") == []


async def test_the_invoice_link_says_what_was_paid_and_is_signed(till: Till) -> None:
    page = SignedInvoicePage("https://i.example/a?n={number}&a={amount}&t={issued_at}&s={signature}", b"shared")
    receipts = Receipts(till.database, SELLER, [], invoices=page, link=lambda order_id: f"https://s.example/{order_id}")
    shopper, free = await till.order(MILK), await till.order(GIFT)
    for one in (shopper, free):
        await pay(till, one)
    shown = (await receipts.of(shopper.order.order_id)).decode()
    url = shown.partition('"invoice_url":"')[2].partition('"')[0]
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    text = f"{asked['n']}\n1290\nCNY\n{asked['t']}"
    assert (asked["n"], asked["a"]) == ("R-20260302-000001", "12.90")
    assert asked["s"] == hmac.new(b"shared", text.encode(), hashlib.sha256).hexdigest()
    assert f'"url":"https://s.example/{shopper.order.order_id}"' in shown
    assert '"invoice_url":""' in (await receipts.of(free.order.order_id)).decode(), "nothing was paid"
    assert METHOD in shown


def test_the_settings_of_the_invoice_page(tmp_path: Path) -> None:
    key = tmp_path / "invoice.key"
    key.write_text("shared\n")
    good = "https://i.example/?n={number}&a={amount_minor}&s={signature}"
    assert [*check_settings(Settings(receipts=ReceiptSettings(invoice_url=good, invoice_key_file=key)))] == []
    for url in ("https://i.example/", "https://i.example/{number}{amount}", good + "{card}", good + "{"):
        wrong = Settings(receipts=ReceiptSettings(invoice_url=url, invoice_key_file=key))
        assert [at for at, _, _ in check_settings(wrong)] == [("receipts", "invoice_url")], url
    assert [*check_settings(Settings(receipts=ReceiptSettings(invoice_url=good)))]
    missing = ReceiptSettings(invoice_url=good, invoice_key_file=tmp_path / "none")
    assert [*check_settings(Settings(receipts=missing))]
    assert open_invoice_page(ReceiptSettings()) is None
    page = open_invoice_page(ReceiptSettings(invoice_url=good, invoice_key_file=key))
    assert page is not None
    assert page.url("R-1", Money(5, "JPY"), "t").startswith("https://i.example/?n=R-1&a=5&s=")
