"""Every provider, each with its sandbox in a process of its own: what the port's suite runs against."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from tests.contracts.providers import rig_alipay, rig_card_terminals, rig_sandbox_wallet, rig_unionpay, rig_wechat_pay
from tests.contracts.providers.rigs import Rig
from tests.support.wallets import Listener, listening

from unqueue.providers.port import Notifies

RIGS = {
    "alipay": rig_alipay.running,
    "alipay_qr": rig_alipay.running_codes,
    "nexo_terminal": rig_card_terminals.running_nexo,
    "sandbox_wallet": rig_sandbox_wallet.running,
    "unionpay": rig_unionpay.running,
    "wechat_pay": rig_wechat_pay.running,
    "zvt_terminal": rig_card_terminals.running_zvt,
}
"""Kind → a context manager that starts its sandbox and gives a factory of rigs."""


LACKS = {"nexo_terminal": {"telling"}, "zvt_terminal": {"telling", "signing"}}
"""Kind → what it does not do by its nature: a terminal tells nothing by itself, and ZVT signs nothing. The tests of
these are not there for it.
"""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    kept, gone = [], []
    for item in items:
        kind = getattr(item, "callspec", None) and item.callspec.params.get("make_rig")  # type: ignore[attr-defined]
        marks = {mark.name for mark in item.iter_markers()}
        (gone if LACKS.get(str(kind), set()) & marks else kept).append(item)
    if gone:
        config.hook.pytest_deselected(items=gone)
        items[:] = kept


@pytest.fixture(scope="module", params=RIGS)
def make_rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Rig]]:
    with RIGS[request.param](tmp_path_factory.mktemp("sandbox")) as make:
        yield make


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as ear:
        yield ear


@pytest.fixture
async def rig(make_rig: Callable[[Listener], Rig], listener: Listener) -> AsyncIterator[Rig]:
    made = make_rig(listener)
    if isinstance(made.provider, Notifies):
        answer = made.provider.acknowledge(ok=True)
        listener.status, listener.answer = answer.status, answer.body
    yield made
    await made.provider.stop()
