"""``unqueue settlement`` as someone at the store's server types it, with a bill of WeChat Pay."""

import json
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from tests.server.coupons.baskets import line, open_order
from typer.testing import CliRunner

from unqueue.commands.settlement import app
from unqueue.kernel.clock import ManualClock
from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.settings import load_settings
from unqueue.server.ledger import store as ledger
from unqueue.server.payments import books, store
from unqueue.server.payments.model import Payment
from unqueue.server.setup import migrate_database

SETTINGS = """
[database]
url = "sqlite:///store.db"

[[payments.providers]]
id = "wechat"
kind = "wechat_pay"
zh = "微信支付"
en = "WeChat Pay"
merchant_id = "1230000109"
private_key_file = "merchant.key"
provider_public_key_file = "wechat.pub"
options = {app_id = "wx0000000000000001", serial_no = "0" , public_key_id = "PUB_KEY_ID_1", api_v3_key_file = "k"}
"""
HEADER = "交易时间,微信订单号,商户订单号,交易状态,货币种类,手续费,订单金额"
SUMMARY = "总交易单数,应结订单总金额"
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
PAID, DIFFERENT, UNHEARD, FORGOTTEN = ("1" * 32, "2" * 32, "3" * 32, "4" * 32)
runner = CliRunner()


def bill(*rows: tuple[str, str, str]) -> str:
    """A bill of charges: attempt, amount, fee."""
    lines = [HEADER]
    lines += [f"`2026-03-02 12:00:00,`42{one[0][:8]},`{one[0]},`SUCCESS,`CNY,`{one[2]},`{one[1]}" for one in rows]
    return "\n".join([*lines, SUMMARY, f"`{len(rows)},`0.00", ""])


def attempt(tx: Transaction, payment_id: str, status: str) -> None:
    order = open_order(tx, [line(1)])
    payment = Payment(
        payment_id=payment_id, order_id=order.order_id, trip_id=order.trip_id, method="wechat", status="pending",
        amount_minor=1290, currency="CNY", return_to="order", created_us=tx.at_us, expires_us=tx.at_us,
    )  # fmt: skip
    store.insert_payment(tx, payment)
    if status == "succeeded":
        ledger.post(tx, books.capture(payment))


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with three payments by WeChat Pay in its books, and one that it waits for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UNQUEUE_SETTINGS", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "unqueue.toml").write_text(SETTINGS, encoding="utf-8")
    monkeypatch.setattr("unqueue.server.setup.settings_rules", lambda: ())  # the account's keys are not needed here
    url = load_settings(tmp_path / "unqueue.toml", {}, ()).database_url
    migrate_database(url)
    database = Database(url, clock=ManualClock(NOON))
    for payment_id, status in ((PAID, "succeeded"), (DIFFERENT, "succeeded"), (UNHEARD, ""), (FORGOTTEN, "succeeded")):
        database.write_now(partial(attempt, payment_id=payment_id, status=status))
    database.dispose()
    return tmp_path


def run(*words: str, status: int = 0) -> str:
    result = runner.invoke(app, [*words])
    assert result.exit_code == status, result.output
    return " ".join(result.output.split())


def test_every_problem_is_told_with_both_sides(shop: Path) -> None:
    text = bill(
        (PAID, "12.90", "0.08"), (DIFFERENT, "12.91", "0.08"), (UNHEARD, "12.90", "0"), ("strange", "1.00", "0")
    )
    (shop / "bill.csv").write_text(text, encoding="utf-8")
    told = run("import", "bill.csv", "--method", "wechat", status=1)
    assert "4 new rows, 0 known; 1 settled" in told
    assert "2026-03-02 times of Asia/Shanghai" in told
    assert "matched, and settled in the books charges 1 ¥12.90 ¥0.08 ¥12.90" in told
    assert f"charge {DIFFERENT} bill ¥12.91 fee ¥0.08 2026-03-02 12:00:00 SUCCESS 4222222222 here ¥12.90" in told
    assert f"charge {UNHEARD} bill ¥12.90" in told
    assert "here not booked, ¥12.90 asked for" in told
    assert "charge strange bill ¥1.00" in told
    assert f"charge {FORGOTTEN} bill does not name it here ¥12.90" in told
    assert "On the clearing account: ¥25.80" in told
    assert "0 new rows, 4 known; 0 settled" in run("import", "bill.csv", "--method", "wechat", status=1)


def test_a_bill_that_matches_ends_well_and_machines_can_read_it(shop: Path) -> None:
    (shop / "bill.csv").write_text(bill(*((one, "12.90", "0.08") for one in (PAID, DIFFERENT, FORGOTTEN))), "utf-8")
    told = json.loads(run("import", "bill.csv", "--method", "wechat", "--json"))
    assert (told["problems"], told["counts"]["settled"], told["clearing"]) == (0, 3, [])
    assert told["sums"] == [
        {
            "verdict": "matched", "kind": "charge", "currency": "CNY", "count": 3, "bill_minor": 3870, "fee_minor": 24,
            "ours_minor": 3870,
        }
    ]  # fmt: skip
    assert "Everything matches" in run("report")
    (report,) = json.loads(run("report", "--method", "wechat", "--day", "2026-03-02", "--json"))
    assert report["problems"] == 0


def test_an_empty_bill_of_a_day_says_what_is_missing(shop: Path) -> None:
    (shop / "bill.csv").write_text(bill(), encoding="utf-8")
    assert "There is nothing to match" in run("import", "bill.csv", "--method", "wechat")
    told = run("import", "bill.csv", "--method", "wechat", "--day", "2026-03-02", status=1)
    assert "In the books, and not in the bill (3)" in told
    assert "There is nothing to match" in run("report", "--day", "2026-03-03")


def test_what_can_not_be_used_is_told(shop: Path) -> None:
    good = bill((PAID, "12.90", "0.08"))
    file = shop / "bill.csv"
    file.write_text(good.replace("`12.90", "`12.9x"), encoding="utf-8")
    told = run("import", "bill.csv", "--method", "wechat", status=1)
    assert "bill.csv, line 2: " in told
    assert "Download it again" in told
    file.write_text(good, encoding="utf-8")
    run("import", "bill.csv", "--method", "wechat", status=1)
    file.write_text(good.replace("`0.08", "`0.09"), encoding="utf-8")
    told = run("import", "bill.csv", "--method", "wechat", status=1)
    assert "differ from what was imported before (1)" in told
    assert "before ¥12.90 fee ¥0.08" in told
    assert "now ¥12.90 fee ¥0.09" in told
    assert "Accounts that have them: wechat" in run("import", "bill.csv", "--method", "alipay", status=1)
    assert "write it as 2026-01-31" in run("report", "--day", "yesterday", status=2)
