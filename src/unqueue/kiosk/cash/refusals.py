"""What the till refuses, with texts for the screen."""

from unqueue.kernel.errors import DomainError


class TillBusy(DomainError):
    """Another payment is not finished, or money is moving: staff must wait, too."""

    code = "till_busy"
    status = 409
    permanent = False
    zh = "现金机正在处理另一笔付款，请稍候"
    en = "The cash machine is still busy with another payment. Please wait a moment."


class CashConflict(DomainError):
    """The same payment id with another amount."""

    code = "cash_conflict"
    status = 409
    zh = "这笔现金付款的金额已经不同，请重新开始"
    en = "This cash payment was begun with another amount. Please start again."


class CashUnavailable(DomainError):
    """Nothing can be taken now. Details: `detail`, for staff, in English."""

    code = "cash_unavailable"
    status = 503
    permanent = False
    zh = "暂时不能收现金，请选择其他付款方式或呼叫店员"
    en = "Cash can't be taken now. Please choose another way to pay, or call for help."


class PayoutUnavailable(CashUnavailable):
    """The machine can't give this amount now; nothing was given. Details: `detail`, for staff, in English."""

    code = "payout_unavailable"
    zh = "这台机器现在无法退出这笔现金，请到服务台领取"
    en = "This machine can't give that cash now. Please go to the service desk."


class UnknownCashDevice(DomainError):
    code = "unknown_cash_device"
    status = 404
    zh = "没有名为 {device} 的现金设备"
    en = "There is no cash device named {device}."


class UnknownCashPayment(DomainError):
    code = "unknown_cash_payment"
    status = 404
    zh = "没有这笔现金付款"
    en = "There is no such cash payment."


class UnknownDebt(DomainError):
    """No slip with this number, or it was paid before."""

    code = "unknown_debt"
    status = 404
    zh = "没有编号为 {number} 的待退款单，或已经退过"
    en = "There is no open slip {number}; it may have been paid before."


class UnknownRefund(DomainError):
    """No refund with this id waits for somebody to look."""

    code = "unknown_refund"
    status = 404
    zh = "没有编号为 {refund} 的待核对退款"
    en = "No refund {refund} waits for somebody to look."


class CashPartUneven(DomainError):
    """A part of what is due that can't be paid in cash to the coin. Details: `step`, such as `CHF 0.05`."""

    code = "cash_part_uneven"
    status = 409
    zh = "部分付现金时，金额须为 {step} 的整数倍"
    en = "A part paid in cash must be a multiple of {step}."


class JournalInUse(DomainError):
    """Another process has the cash journal open. Two tills must never write one journal."""

    code = "journal_in_use"
    status = 503
    zh = "现金日志正被另一个程序使用"
    en = "Another program is using the cash journal."
