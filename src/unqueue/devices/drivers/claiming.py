"""The lifetime that all drivers share."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Claimed(ABC):
    """`async with driver:` claims it and releases it."""

    @abstractmethod
    async def claim(self) -> None: ...

    @abstractmethod
    async def release(self) -> None: ...

    async def __aenter__(self) -> Self:
        await self.claim()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.release()
