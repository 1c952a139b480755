"""Simulated time: processes that wait for seconds or for a bell. Nothing waits for a real clock."""

import heapq
from collections.abc import Callable, Generator
from typing import Any


class Bell:
    """What processes wait for. Whoever hears it looks whether it is what they wait for."""

    def __init__(self) -> None:
        self.waiting: list[Process] = []


Process = Generator[float | Bell, None, Any]
"""Yields the seconds to sleep, or the bell to wait for."""


class Play:
    """All that goes on, in order of simulated time; of what is due at once, the earliest begun first."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0

    def at(self, time_s: float, do: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._due, (max(time_s, self.now_s), self._number, do))

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        self.at(self.now_s + seconds, do)

    def start(self, process: Process) -> None:
        """Begin a process now."""
        self.after(0.0, lambda: self._go_on(process))

    def ring(self, bell: Bell) -> None:
        """Wake all who wait for the bell."""
        waiting, bell.waiting = bell.waiting, []
        for process in waiting:
            self.start(process)

    def run(self, until_s: float) -> None:
        """Let happen what is due, until nothing is or the time is over."""
        while self._due and self._due[0][0] <= until_s:
            self.now_s, _, do = heapq.heappop(self._due)
            do()

    def _go_on(self, process: Process) -> None:
        wanted = next(process, None)
        if isinstance(wanted, Bell):
            wanted.waiting.append(process)
        elif wanted is not None:
            self.after(wanted, lambda: self._go_on(process))
