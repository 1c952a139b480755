"""A day's bill as Alipay writes it: a zip of two CSV files in GBK, the details and their sums."""

import csv
import io
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, timedelta

from unqueue.kernel.money import Money
from unqueue.providers.alipay.messages import CURRENCY, china_time_us, yuan
from unqueue.providers.sandbox_kit.model import Payment, Refund

_HEADER = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,"
    "订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,"
    "券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)
_SUMS_HEADER = (
    "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,商家优惠（元）,"
    "卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）"
)
_ZERO = "0.00"


def write_bill(
    merchant_id: str,
    day: date,
    payments: Sequence[Payment],
    refunds: Sequence[Refund],
    find: Callable[[str, str], Payment],
) -> bytes:
    """The zip. ``payments`` and ``refunds`` are those of the day; ``find`` gives the payment of a refund."""
    paid = [payment for payment in payments if payment.status == "succeeded"]
    rows = [_row(payment, payment.amount, china_time_us(payment.decided_us), "") for payment in paid]
    for refund in refunds:
        given = Money(-refund.amount.amount_minor, CURRENCY)
        at = china_time_us(refund.created_us)
        rows.append(_row(find(merchant_id, refund.payment_id), given, at, refund.details["out_request_no"]))
    took = Money(sum(payment.amount.amount_minor for payment in paid), CURRENCY)
    gave = Money(-sum(refund.amount.amount_minor for refund in refunds), CURRENCY)
    head = [
        f"#账号：[{merchant_id}0156]",
        f"#起始日期：[{_day(day)}]   终止日期：[{_day(day + timedelta(days=1))}]",
    ]
    details = [
        "#支付宝业务明细查询",
        *head,
        "#-----------------------------------------业务明细列表----------------------------------------",
        _HEADER,
        *map(_csv, rows),
        "#-----------------------------------------业务明细列表结束------------------------------------",
        f"#交易合计：{len(paid)}笔，商家实收共{yuan(took)}元，商家优惠共{_ZERO}元",
        f"#退款合计：{len(refunds)}笔，商家实收退款共{yuan(gave)}元，商家优惠退款共{_ZERO}元",
        f"#导出时间：[{_day(day + timedelta(days=1))}]",
    ]
    net = yuan(took + gave)
    total = ["合计", "", str(len(paid)), str(len(refunds)), net, net, *[_ZERO] * 5, net]
    sums = [
        "#支付宝业务汇总查询",
        *head,
        "#-----------------------------------------业务汇总列表----------------------------------------",
        _SUMS_HEADER,
        _csv(total),
        "#----------------------------------------业务汇总列表结束-------------------------------------",
        f"#导出时间：[{_day(day + timedelta(days=1))}]",
    ]
    name = f"{merchant_id}0156_{day:%Y%m%d}"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}_业务明细.csv", _gbk(details))
        archive.writestr(f"{name}_业务明细(汇总).csv", _gbk(sums))
    return packed.getvalue()


def _row(payment: Payment, amount: Money, at: str, request_no: str) -> list[str]:
    """A line; numbers end in a tab, so that spreadsheets leave them alone."""
    sum_ = yuan(amount)
    kind = "退款" if amount.amount_minor < 0 else "交易"
    return [
        f"{payment.reference}\t",
        f"{payment.payment_id}\t",
        f"{kind}\t",
        payment.subject_zh,
        china_time_us(payment.created_us),
        at,
        *["\t"] * 4,
        "*试(san***@sandbox.example)",
        *[sum_, sum_],
        *[_ZERO] * 5,
        "",
        f"{_ZERO}\t",
        f"{_ZERO}\t",
        f"{request_no}\t",
        *[_ZERO] * 2,
        "",
    ]


def _csv(row: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(row)
    return line.getvalue()


def _day(day: date) -> str:
    return f"{day:%Y年%m月%d日} 00:00:00"


def _gbk(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode("gbk", "replace")
