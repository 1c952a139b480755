"""A sandbox of WeChat Pay for a file of tests: its keys take a moment to make."""

from collections.abc import Iterator

import anyio.from_thread
import pytest
from tests.providers.wechat_pay.shop import Shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    made = Shop(tmp_path_factory.mktemp("wechat"))
    yield made
    with anyio.from_thread.start_blocking_portal() as portal:
        portal.call(made.stop)
