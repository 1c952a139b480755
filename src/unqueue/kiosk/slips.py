"""The slip for change that a machine could not give: what the store owes, and under which number. ESC/POS bytes.

GB18030 in Chinese character mode (`FS &`), as receipts are.
"""

from unqueue.kernel.money import format_minor
from unqueue.kiosk.cash.session import Debt

_INIT, _CHINESE_MODE, _LARGE, _PLAIN, _CUT = b"\x1b@", b"\x1c&", b"\x1d!\x11", b"\x1d!\x00", b"\n\n\n\n\x1dV\x00"


def render_slip(kiosk: str, order_number: str, debts: tuple[Debt, ...]) -> bytes:
    """Both languages, as whoever reads it may be staff or a relative; a debt whose amount is not known says so."""
    rows = [b"", _text("待退款凭条  Slip"), _text(f"付款机 Kiosk {kiosk}")]
    if order_number:
        rows.append(_text(f"订单 Order {order_number}"))
    for debt in debts:
        amount = format_minor(debt.amount_minor, debt.currency) if debt.amount_minor else "金额待查 to be looked up"
        rows += [b"", _LARGE + _text(amount) + _PLAIN, _text(debt.number)]
        if debt.in_doubt:
            rows.append(_text("需店员核对  Staff look first"))
    rows += [b"", _text("请到服务台领取"), _text("Please take this to the service desk."), b""]
    return _INIT + _CHINESE_MODE + b"\n".join(rows) + _CUT


def _text(text: str) -> bytes:
    # Most printers' fonts know the fullwidth yen sign of GB 2312, and not the narrow one.
    return text.replace("\u00a5", "\uffe5").encode("gb18030")
