"""WeChat Pay (微信支付), API v3, public-key mode: codes, pages, WeChat's own browser. docs/protocols/wechat-pay.md."""

from unqueue.kernel.clock import Clock
from unqueue.kernel.settings import Provider as Account
from unqueue.providers.wechat_pay.account import read_account
from unqueue.providers.wechat_pay.client import WeChatPay


def open_account(account: Account, clock: Clock) -> WeChatPay:
    """The account of the settings. ValueError when a setting is missing or a file can't be read."""
    return WeChatPay(provider_id=account.id, credentials=read_account(account), clock=clock)


def check_account(account: Account) -> None:
    """ValueError when the account of the settings could not be opened, without opening it."""
    read_account(account)
