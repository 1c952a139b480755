"""The trade bill's reader: what it makes of a good one, and which line it blames for a bad one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.kernel.money import Money
from unqueue.providers.bills import BillMalformed, BillRow
from unqueue.providers.wechat_pay.bill import read_bill

HEADER = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注"
)
SUMMARY = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"


def row(**changes: str) -> str:
    """A charge of 12.90 yuan; ``changes`` by column name."""
    facts = dict.fromkeys(HEADER.split(","), "")
    facts |= {
        "交易时间": "2026-01-02 08:30:00",
        "公众账号ID": "wxd678efh567hg6787",
        "商户号": "1900000109",
        "特约商户号": "0",
        "微信订单号": "4200000001",
        "商户订单号": "attempt-1",
        "用户标识": "oOPENID",
        "交易类型": "NATIVE",
        "交易状态": "SUCCESS",
        "付款银行": "OTHERS",
        "货币种类": "CNY",
        "应结订单金额": "11.90",
        "代金券金额": "1.00",
        "微信退款单号": "0",
        "商户退款单号": "0",
        "退款金额": "0.00",
        "商品名称": "米,面",
        "手续费": "0.07740",
        "费率": "0.60%",
        "订单金额": "12.90",
        "申请退款金额": "0.00",
    }
    return ",".join(f"`{value}" for value in {**facts, **changes}.values())


REFUND = {
    "交易时间": "2026-01-02 23:59:59",
    "交易状态": "REFUND",
    "微信退款单号": "5030000001",
    "商户退款单号": "refund-1",
    "退款金额": "2.00",
    "申请退款金额": "2.90",
    "订单金额": "0.00",
    "退款类型": "ORIGINAL",
    "退款状态": "PROCESSING",
    "手续费": "-0.01740",
}


def bill(*rows: str, count: int | str | None = None, header: str = HEADER, end: str = "\r\n") -> bytes:
    summary = f"`{len(rows) if count is None else count},`12.90,`2.00,`0.00,`0.06000,`12.90,`2.90"
    return "".join(f"{line}{end}" for line in [header, *rows, SUMMARY, summary]).encode()


CHARGE_ROW = BillRow(
    kind="charge",
    attempt_id="attempt-1",
    reference="4200000001",
    amount=Money(1290, "CNY"),
    fee=Money(8, "CNY"),
    at_us=1_767_313_800_000_000,
    status="SUCCESS",
)
REFUND_ROW = BillRow(
    kind="refund",
    attempt_id="attempt-1",
    refund_id="refund-1",
    reference="5030000001",
    amount=Money(290, "CNY"),
    fee=Money(-2, "CNY"),
    at_us=1_767_369_599_000_000,
    status="PROCESSING",
)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_day(end: str, mark: bytes) -> None:
    assert read_bill(mark + bill(row(), row(**REFUND), end=end)) == [CHARGE_ROW, REFUND_ROW]


def test_a_day_without_anything() -> None:
    assert read_bill(bill()) == []


def test_columns_are_found_by_name() -> None:
    """The bill of charges only has no columns of refunds, and another order is another order."""
    names = ["手续费", "订单金额", "货币种类", "交易状态", "商户订单号", "微信订单号", "交易时间"]
    values = ["0.07740", "12.90", "CNY", "SUCCESS", "attempt-1", "4200000001", "2026-01-02 08:30:00"]
    assert read_bill(bill(",".join(f"`{value}" for value in values), header=",".join(names))) == [CHARGE_ROW]


@pytest.mark.parametrize("odd", ["米,面", '12" 披萨', "a\u2028b", "a\x0bb", "`", "", "，"])
def test_names_of_goods_may_be_odd(odd: str) -> None:
    assert read_bill(bill(row(商品名称=odd))) == [CHARGE_ROW]


def test_a_revoked_charge_is_given_back() -> None:
    told = read_bill(bill(row(**{**REFUND, "交易状态": "REVOKED", "退款状态": ""})))[0]
    assert (told.kind, told.status) == ("refund", "REVOKED")


@pytest.mark.parametrize(
    ("fee", "minor"),
    [("0.00000", 0), ("0.00499", 0), ("0.00500", 1), ("-0.00500", -1), ("0.05940", 6), ("1", 100), ("12.3", 1230)],
)
def test_fees_are_rounded_half_away_from_zero(fee: str, minor: int) -> None:
    assert read_bill(bill(row(手续费=fee)))[0].fee == Money(minor, "CNY")


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        (b"", 0, "no trade bill"),
        (b"<xml><return_code>FAIL</return_code></xml>", 1, "no trade bill"),
        (bill(header=HEADER.replace("手续费,", "")), 1, "手续费"),
        (b"\xff\xfe", 1, "not UTF-8"),
        (bill(row()).replace("米".encode(), b"\xff"), 2, "not UTF-8"),
        (bill(row(), row(订单金额="12.9x")), 3, "订单金额 '12.9x' is no amount"),
        (bill(row(订单金额="")), 2, "is no amount"),
        (bill(row(订单金额="1,290.00")), 2, "is no amount"),
        (bill(row(订单金额="１２")), 2, "is no amount"),
        (bill(row(订单金额="12.905")), 2, "more decimals than CNY"),
        (bill(row(订单金额="-12.90")), 2, "negative"),
        (bill(row(交易时间="2026-01-02")), 2, "no time"),
        (bill(row(交易时间="2026-02-30 00:00:00")), 2, "no time"),
        (bill(row(交易状态="DANCING")), 2, "'DANCING' is not known"),
        (bill(row(货币种类="")), 2, "no currency"),
        (bill(row() + ",`more"), 2, "28 values stand under 27"),
        (bill(row().rpartition(",")[0]), 2, "26 values stand under 27"),
        (bill(row(), count=2), 4, "counts 2 rows, the file has 1"),
        (bill(row(), "什么"), 3, "neither a row"),
        ("".join(f"{line}\n" for line in (HEADER, row())).encode(), 0, "cut off"),
        ("".join(f"{line}\n" for line in (HEADER, row(), SUMMARY)).encode(), 3, "not whole"),
        ("".join(f"{line}\n" for line in (HEADER, row(), SUMMARY, "`1,`12")).encode(), 4, "not whole"),
    ],
)
def test_a_bad_line_is_named(content: bytes, line: int, problem: str) -> None:
    with pytest.raises(BillMalformed) as refused:
        read_bill(content)
    assert (refused.value.line, problem in refused.value.problem) == (line, True), str(refused.value)
    assert str(refused.value).startswith(f"line {line}: " if line else "t")


@given(st.binary(max_size=300))
def test_rubbish_is_refused_not_a_crash(content: bytes) -> None:
    with pytest.raises(BillMalformed):
        read_bill(content)


@given(st.data())
def test_a_bill_cut_anywhere_is_refused(data: Any) -> None:
    """Anywhere but in the digits of the last sum, which says nothing about the rows."""
    whole = bill(row(), row(**REFUND))
    cut = whole[: data.draw(st.integers(0, whole.rindex(b",`")))]
    with pytest.raises(BillMalformed):
        read_bill(cut)
