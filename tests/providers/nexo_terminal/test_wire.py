"""The codec and the encryption against messages of real terminals, and against every spoiled bit."""

import base64
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from unqueue.kernel.money import Money
from unqueue.providers.nexo_terminal import crypto, messages, reading
from unqueue.providers.nexo_terminal.naming import passing_service_id, service_id
from unqueue.providers.port import ProviderUnavailable

GOLDEN = tomllib.loads((Path(__file__).parents[2] / "golden" / "nexo.toml").read_text("utf-8"))
SEALED: list[dict[str, Any]] = GOLDEN["sealed"]
KEY = crypto.derive_key("p@ssw0rd123456", "CryptoKeyIdentifier12345", 1)
PAYMENT: dict[str, Any] = GOLDEN["payment"]


def trailer_of(sealed: dict[str, Any]) -> crypto.SecurityTrailer:
    return crypto.SecurityTrailer(
        key_identifier=sealed["key_identifier"], key_version=1, crypto_version=1, nonce=sealed["nonce"],
        hmac=sealed["hmac"],
    )  # fmt: skip


def opened(sealed: dict[str, Any]) -> bytes:
    key = crypto.derive_key(sealed["passphrase"], sealed["key_identifier"], 1)
    return crypto.unseal(key, sealed["blob"], trailer_of(sealed))


def payment_answer() -> messages.PaymentResponse:
    answer = msgspec.json.decode(opened(SEALED[1]), type=messages.Answer).sale_to_poi_response
    assert answer.payment_response is not None
    return answer.payment_response


@pytest.mark.parametrize("golden", GOLDEN["key"], ids=lambda golden: golden["passphrase"])
def test_golden_keys(golden: dict[str, Any]) -> None:
    key = crypto.derive_key(golden["passphrase"], "name", 1)
    assert (key.hmac_key + key.cipher_key + key.vector).hex() == golden["material"]
    assert golden["material"][:16] not in repr(key)


@pytest.mark.parametrize("sealed", SEALED, ids=lambda sealed: sealed["name"])
def test_golden_messages_open(sealed: dict[str, Any]) -> None:
    plain = opened(sealed)
    assert plain.decode() == sealed.get("plain", plain.decode())


@pytest.mark.parametrize("sealed", SEALED, ids=lambda sealed: sealed["name"])
def test_golden_messages_are_sealed_as_the_terminal_sealed_them(sealed: dict[str, Any]) -> None:
    key = crypto.derive_key(sealed["passphrase"], sealed["key_identifier"], 1)
    assert crypto.seal(key, opened(sealed), base64.b64decode(sealed["nonce"])) == (sealed["blob"], trailer_of(sealed))


@given(st.binary(max_size=200), st.binary(min_size=16, max_size=16))
@example(b"", bytes(16))
def test_what_is_sealed_opens(message: bytes, nonce: bytes) -> None:
    assert crypto.unseal(KEY, *crypto.seal(KEY, message, nonce)) == message


@given(st.data())
def test_any_changed_bit_is_refused(data: st.DataObject) -> None:
    blob, trailer = crypto.seal(KEY, b'{"SaleToPOIRequest":{}}', bytes(range(16)))
    part = data.draw(st.sampled_from(["blob", "nonce", "hmac"]))
    raw = bytearray(base64.b64decode(blob if part == "blob" else getattr(trailer, part)))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    changed = base64.b64encode(raw).decode()
    if part == "blob":
        blob = changed
    else:
        trailer = msgspec.structs.replace(trailer, **{part: changed})
    with pytest.raises(crypto.Unreadable) as refused:
        crypto.unseal(KEY, blob, trailer)
    assert not str(refused.value), "it tells nobody why"


@pytest.mark.parametrize("blob", ["", "!", "AAAA", "A" * 22 + "=="])
def test_what_is_no_blob_is_refused(blob: str) -> None:
    _, trailer = crypto.seal(KEY, b"{}", bytes(16))
    with pytest.raises(crypto.Unreadable):
        crypto.unseal(KEY, blob, trailer)


@pytest.mark.parametrize("change", [{"key_identifier": "x"}, {"key_version": 2}, {"crypto_version": 0}])
def test_another_key_is_refused(change: dict[str, Any]) -> None:
    blob, trailer = crypto.seal(KEY, b"{}", bytes(16))
    with pytest.raises(crypto.Unreadable):
        crypto.unseal(KEY, blob, msgspec.structs.replace(trailer, **change))


def test_a_real_payment_is_understood() -> None:
    asked = Money(PAYMENT["amount_minor"], PAYMENT["currency"])
    state = reading.payment_state(payment_answer(), PAYMENT["sale_transaction"], asked)
    assert (state.status, state.amount, state.reference) == ("succeeded", asked, PAYMENT["reference"])
    # One line in ten holds a long number that passes for a card's by chance: this slip happens to have none.
    assert list(state.slip) == PAYMENT["slip"]


@pytest.mark.parametrize("hidden", PAYMENT["hidden"])
def test_card_data_never_becomes_an_object(hidden: str) -> None:
    assert hidden in opened(SEALED[1]).decode(), "the terminal sent it"
    read = msgspec.structs.replace(payment_answer(), response=messages.Response(result="Success"))
    assert hidden not in repr(read)


def test_a_payment_of_another_sale_is_not_ours() -> None:
    with pytest.raises(ProviderUnavailable) as mistaken:
        reading.payment_state(payment_answer(), "another", Money(1099, "EUR"))
    assert mistaken.value.code == "service_id_taken"


def test_a_real_status_repeats_the_answer() -> None:
    golden = GOLDEN["status"]
    answer = msgspec.json.decode(golden["json"], type=messages.Answer).sale_to_poi_response
    assert answer.transaction_status_response is not None
    repeated = reading.repeated_payment(answer.transaction_status_response)
    asked = Money(golden["amount_minor"], golden["currency"])
    state = reading.payment_state(repeated, golden["sale_transaction"], asked)
    assert (state.status, state.amount, state.reference) == ("succeeded", asked, golden["reference"])


def test_a_real_diagnosis() -> None:
    answer = msgspec.json.decode(GOLDEN["diagnosis"]["json"], type=messages.Answer).sale_to_poi_response
    assert answer.diagnosis_response is not None
    assert answer.diagnosis_response.poi_status.global_status == GOLDEN["diagnosis"]["global_status"]


def test_a_request_is_written_as_the_field_writes_it() -> None:
    """Field by field: Adyen's documentation of a payment request, and of a partial referenced refund."""
    header = messages.MessageHeader(
        protocol_version="3.0", message_class="Service", message_category="Payment", message_type="Request",
        sale_id="POS1", poi_id="V400m-1", service_id="P000000001",
    )  # fmt: skip
    moment = messages.TransactionIdentification(transaction_id="t1", time_stamp="2026-01-02T03:04:05.000Z")
    payment = messages.PaymentRequest(
        sale_data=messages.SaleData(sale_transaction_id=moment),
        payment_transaction=messages.PaymentTransaction(
            amounts_req=messages.AmountsRequested(
                currency="EUR", requested_amount=messages.amount_of(Money(1099, "EUR"))
            )
        ),
    )
    assert messages.encode(
        messages.Request(sale_to_poi_request=messages.Message(message_header=header, payment_request=payment))
    ) == (
        b'{"SaleToPOIRequest":{"MessageHeader":{"MessageClass":"Service","MessageCategory":"Payment",'
        b'"MessageType":"Request","SaleID":"POS1","POIID":"V400m-1","ServiceID":"P000000001","ProtocolVersion":"3.0"},'
        b'"PaymentRequest":{"SaleData":{"SaleTransactionID":{"TransactionID":"t1",'
        b'"TimeStamp":"2026-01-02T03:04:05.000Z"}},"PaymentTransaction":{"AmountsReq":{"Currency":"EUR",'
        b'"RequestedAmount":10.99}}}}}'
    )
    reversal = messages.ReversalRequest(
        original_poi_transaction=messages.OriginalTransaction(poi_transaction_id=moment),
        reversal_reason="MerchantCancel",
        reversed_amount=messages.amount_of(Money(5, "EUR")),
        sale_data=messages.SaleData(sale_transaction_id=moment, sale_to_acquirer_data="currency=EUR"),
    )
    assert messages.encode(reversal) == (
        b'{"OriginalPOITransaction":{"POITransactionID":{"TransactionID":"t1","TimeStamp":"2026-01-02T03:04:05.000Z"}},'
        b'"ReversalReason":"MerchantCancel","SaleData":{"SaleTransactionID":{"TransactionID":"t1",'
        b'"TimeStamp":"2026-01-02T03:04:05.000Z"},"SaleToAcquirerData":"currency=EUR"},"ReversedAmount":0.05}'
    )


@given(st.text(max_size=40), st.integers(0, 2**52))
def test_a_service_id_fits_its_field(subject_id: str, created_us: int) -> None:
    for name in (service_id("payment", subject_id, created_us), service_id("refund", subject_id, created_us),
                 passing_service_id(created_us * 4096)):  # fmt: skip
        assert len(name) == 10
        assert name.isascii()
        assert name.isalnum()


@given(st.integers(0, 2**50), st.integers(1, 48 * 3_600_000))
def test_service_ids_of_two_days_differ_by_their_time_alone(created_us: int, later_ms: int) -> None:
    """No hash is needed within 48 hours: other milliseconds, other names."""
    one = service_id("payment", "same", created_us)
    assert one != service_id("payment", "other", created_us + later_ms * 1000)
    assert one != service_id("refund", "same", created_us)
    assert one == service_id("payment", "same", created_us)


def test_service_ids_of_one_millisecond_rarely_meet() -> None:
    names = {service_id("payment", str(number), 7_000_000) for number in range(500)}
    assert len(names) > 490  # chance makes 0.3 meet on average
