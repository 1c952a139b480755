"""Alipay's bill, as Alipay writes it and as it comes when something is wrong with it."""

import io
import zipfile

import pytest

from unqueue.kernel.money import Money
from unqueue.providers.alipay.bill import read_bill
from unqueue.providers.bills import BillMalformed, BillRow

HEAD = """#支付宝业务明细查询
#账号：[20880000000000000156]
#起始日期：[2020年07月22日 00:00:00]   终止日期：[2020年07月23日 00:00:00]
#-----------------------------------------业务明细列表----------------------------------------
支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,\
支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,\
退款批次号/请求号,服务费（元）,分润（元）,备注
"""
CHARGE = (
    "2020072222001400000000044491\t,41173500000000000000720\t,交易\t,院内充值,2020-07-22 16:13:11,2020-07-22 16:14:24,"
    "\t,\t,\t,\t,**佳(yan***@163.com)\t,1.00,1.00,0.96,0.00,0.00,0.00,0.00,花呗生活费实体店红包,0.00\t,0.00,\t,-0.01,0.00,\n"
)
REFUND = (
    "2020072222001400000000044491\t,41173500000000000000720\t,退款\t,院内充值,2020-07-22 16:13:11,2020-07-22 17:00:00,"
    '\t,\t,\t,\t,"**佳,二(yan***@163.com)"\t,-0.40,-0.40,0.00,0.00,0.00,0.00,0.00,,0.00\t,0.00,r1\t,0.01,0.00,\n'
)
END = "#-----------------------------------------业务明细列表结束------------------------------------\n"
SUMS = """#交易合计：1笔，商家实收共1.00元，商家优惠共0.00元
#退款合计：1笔，商家实收退款共-0.40元，商家优惠退款共0.00元
#导出时间：[2020年07月23日 06:27:10]
"""
BILL = HEAD + CHARGE + REFUND + END + SUMS
"""Header, line and sums as gxitsky.com/2020/07/27/Business-07-ali-pay-bill shows them; its masked digits are zeros."""


def gbk(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode("gbk")


def packed(**files: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in files.items():
            zipped.writestr(f"{name}.csv", content)
    return archive.getvalue()


ROWS = (
    BillRow(
        kind="charge",
        attempt_id="41173500000000000000720",
        reference="2020072222001400000000044491",
        amount=Money(100, "CNY"),
        fee=Money(1, "CNY"),
        at_us=1_595_405_664_000_000,
        status="交易",
    ),
    BillRow(
        kind="refund",
        attempt_id="41173500000000000000720",
        refund_id="r1",
        reference="2020072222001400000000044491",
        amount=Money(40, "CNY"),
        fee=Money(-1, "CNY"),
        at_us=1_595_408_400_000_000,
        status="退款",
    ),
)


def test_a_bill_is_read() -> None:
    assert read_bill(gbk(BILL)) == ROWS


def test_a_bill_comes_in_a_zip_beside_its_sums() -> None:
    sums = gbk("#支付宝业务汇总查询\n门店编号,门店名称\n合计,1\n")
    assert read_bill(packed(sums=sums, details=gbk(BILL))) == ROWS


@pytest.mark.parametrize(
    "bill",
    [
        BILL.replace("（元）", "(元)"),
        BILL.replace(SUMS, ""),
        BILL.replace(",备注", ",备注,新列").replace(",\n", ",,\n"),
    ],
)
def test_small_differences_do_no_harm(bill: str) -> None:
    assert read_bill(gbk(bill)) == ROWS


def test_a_day_without_trades_is_an_empty_bill() -> None:
    assert read_bill(gbk(HEAD + END + "#交易合计：0笔，商家实收共0.00元\n")) == ()


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        (b"", 1, "begins with"),
        (b"PK\x03\x04 no zip", 0, "zip can't be read"),
        (packed(a=b"#\r\n"), 0, "no file of the zip"),
        (packed(), 0, "no file of the zip"),
        (BILL.encode(), 1, ""),
        (gbk(HEAD) + b"\xff\xff\r\n", 6, "not GBK"),
        (gbk(BILL.replace("服务费（元）", "费")), 5, "no column 服务费"),
        (gbk(BILL.replace("交易\t", "转账\t")), 6, "neither 交易 nor 退款"),
        (gbk(BILL.replace("1.00,1.00", "1.005,1.00")), 6, "no amount"),
        (gbk(BILL.replace("1.00,1.00", "-1.00,-1.00")), 6, "of a 交易 is -1.00"),
        (gbk(BILL.replace("-0.40,-0.40", "0.40,0.40")), 7, "of a 退款 is 0.40"),
        (gbk(BILL.replace("r1\t", "\t")), 7, "refund without"),
        (gbk(BILL.replace("16:14:24", "16.14")), 6, "no time"),
        (gbk(BILL.replace(",-0.01,0.00,\n", "\n")), 6, "columns instead of"),
        (gbk(BILL.replace("-0.01", "cheap")), 6, "服务费(元) is no amount"),
        (gbk(BILL.replace("院内充值", "院内,充值", 1)), 6, "26 columns instead of 25"),
        (gbk(BILL.replace("-0.40,-0.40", '"-0.40,-0.40')), 7, "columns instead of"),
        (gbk(BILL.replace("操作员", "终端号")), 5, "the same name"),
        (gbk(HEAD + CHARGE), 6, "a part is missing"),
        (gbk(HEAD + CHARGE + END + SUMS), 9, "the bill counts 1"),
        (gbk(HEAD + REFUND + END + SUMS), 8, "the bill counts 1"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(content: bytes, line: int, problem: str) -> None:
    with pytest.raises(BillMalformed) as malformed:
        read_bill(content)
    assert problem in malformed.value.problem
    assert malformed.value.line == line


def test_a_zip_that_unpacks_to_a_mountain_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unqueue.providers.alipay.bill.BYTES_MAX", 1000)
    with pytest.raises(BillMalformed, match="more than any bill"):
        read_bill(packed(details=gbk(BILL)))
