"""What the sandbox is told at its start."""

from pathlib import Path

import msgspec


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """``account`` and ``key`` are the store's, at all three providers. ``link_base`` is the fixed part of the link in
    the approved templates: where the store's receipts are, with a slash at its end.
    """

    data_dir: Path
    account: str = "demo-account"
    key: str = "demo-key"
    sign_name: str = "不排队超市"
    app_id: str = "1400006666"
    link_base: str = "http://localhost:8000/o/"
    host: str = "127.0.0.1"
    port: int = 0
    public_url: str = ""

    def templates(self) -> dict[str, str]:
        """The approved templates: Aliyun's have names for their variables, Tencent's have numbers."""
        zh = "感谢光临{store}！消费{total}，小票号{receipt}，电子小票：" + self.link_base + "{code}"
        en = "Thank you for shopping at {store}. Total {total}, receipt {receipt}: " + self.link_base + "{code}"
        return {"SMS_RECEIPT_ZH": zh, "SMS_RECEIPT_EN": en, "2000001": zh, "2000002": en}
