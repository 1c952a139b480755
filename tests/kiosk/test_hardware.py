"""The kiosk's devices as the settings name them: what belongs together, and what is complained of."""

from datetime import UTC, datetime

import pytest

from unqueue.kernel.cash import Denomination
from unqueue.kernel.settings import Cash, CashDevice, ExchangeRate, Kiosk, SettingsError
from unqueue.kiosk.cash.machine import Machine
from unqueue.kiosk.hardware import cash_policy, open_cash

YUAN, NOTE5 = Denomination("CNY", 100, "coin"), Denomination("CNY", 500, "note")
COINS = CashDevice(
    name="coins", driver="cctalk_coin_acceptor", port="/dev/ttyUSB0",
    options={"feeds": "hopper-1", "dispenser_paths": "4", "cashbox_max": "900"},
)  # fmt: skip
HOPPER = CashDevice(
    name="hopper-1", driver="cctalk_hopper", port="/dev/ttyUSB0", address=3, denomination="CNY-100-coin",
    options={"capacity": "700"},
)  # fmt: skip
BILLS = CashDevice(name="bills", driver="cctalk_bill_validator", port="/dev/ttyUSB0", options={"checksum": "sum"})
NOTES = CashDevice(name="notes", driver="ssp_recycler", port="/dev/ttyUSB1", options={"recycled": "CNY-500-note"})


def kiosk(**cash: object) -> Kiosk:
    return Kiosk(id="kiosk-1", server_url="http://store", token="t", cash=Cash(**cash))  # type: ignore[arg-type]


def test_devices_know_what_they_feed_keep_and_hold() -> None:
    devices = open_cash(Cash(devices=[COINS, HOPPER, BILLS, NOTES], float_min={"CNY-100-coin": 20, "CNY-500-note": 3}))
    machine = Machine(devices)
    assert machine.device("coins").settings.feeds == {YUAN: "hopper-1"}
    assert machine.device("coins").settings.cashbox_max == 900
    assert machine.device("hopper-1").settings.keep == {YUAN: 20}
    assert machine.device("hopper-1").settings.capacity == {YUAN: 700}
    assert machine.device("notes").settings.feeds == {NOTE5: "notes"}
    assert machine.device("notes").settings.keep == {NOTE5: 3}
    assert [name for name, _ in ((device.name, port) for device, port in machine.acceptors)] == [
        "coins", "bills", "notes",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("device", "key", "what"),
    [
        (CashDevice(name="x", driver="cctalk_hopper", port="/dev/a", options={"feeds": "y"}), "options", "no feeds"),
        (CashDevice(name="x", driver="cctalk_hopper", port="/dev/a"), "devices.0", ""),
        (CashDevice(name="x", driver="ssp_recycler", port="/dev/a", options={"recycled": "5"}), "devices.0", "5"),
        (CashDevice(name="x", driver="cctalk_coin_acceptor", port="/dev/a", options={"feeds": "y"}), "devices.0", "y"),
        (CashDevice(name="x", driver="cctalk_bill_validator", port="/dev/a", options={"checksum": "z"}), "devices.0",
         "z"),
        (CashDevice(name="x", driver="cctalk_coin_acceptor", port="/dev/a", options={"capacity": "many"}), "devices.0",
         "many"),
    ],
)  # fmt: skip
def test_a_device_that_makes_no_sense_is_told_with_its_key(device: CashDevice, key: str, what: str) -> None:
    with pytest.raises(SettingsError) as caught:
        open_cash(Cash(devices=[device]))
    (complaint,) = caught.value.complaints
    assert key in complaint.key
    assert what in complaint.what


def test_rates_hold_for_ever_unless_they_say_otherwise() -> None:
    policy = cash_policy(
        kiosk(
            rates=[
                ExchangeRate(currency="EUR", rate="7.8125"),
                ExchangeRate(currency="USD", rate="7", valid_until="2026-01-01T00:00:00+08:00"),
            ],
            step_minor=10,
        )
    )
    assert policy.rates_at(datetime(2026, 3, 1, tzinfo=UTC)) == {"EUR": "7.8125"}
    assert (policy.step_minor, policy.favour) == (10, "shopper")


@pytest.mark.parametrize(("rate", "until"), [("seven", ""), ("7", "tomorrow"), ("7", "2026-01-01T00:00:00")])
def test_a_rate_that_can_not_be_read(rate: str, until: str) -> None:
    with pytest.raises(SettingsError, match="rates"):
        cash_policy(kiosk(rates=[ExchangeRate(currency="EUR", rate=rate, valid_until=until)]))
