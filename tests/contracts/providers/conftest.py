"""Every provider, each with its sandbox in a process of its own: what the port's suite runs against."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from tests.contracts.providers import rig_sandbox_wallet
from tests.contracts.providers.rigs import Rig
from tests.support.wallets import Listener, listening

RIGS = {
    "sandbox_wallet": rig_sandbox_wallet.running,
}
"""Kind → a context manager that starts its sandbox and gives a factory of rigs."""


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
    answer = made.provider.acknowledge(ok=True)  # type: ignore[attr-defined]  # all but card terminals notify
    listener.status, listener.answer = answer.status, answer.body
    yield made
    await made.provider.stop()
