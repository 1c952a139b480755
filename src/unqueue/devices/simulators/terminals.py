"""The terminals of a simulated I/O module and the lane's machinery on them. Knows no Modbus."""

import asyncio
import time
from typing import Any

from unqueue.devices.wire.modbus_io import Wiring


class Terminals:
    """Inputs, counters and outputs by channel, and the barrier that hangs on them."""

    def __init__(self, wiring: Wiring, channels: int, pulse_ms: int, gate_open_ms: int, gate_close_ms: int) -> None:
        self.wiring = wiring
        self.inputs = [False] * channels
        self.counters = [0] * channels
        self.counting = [False] * channels
        self.coils = [False] * channels
        self.pulses = [False] * channels
        self._pulse_s = pulse_ms / 1000
        self._gate_open_s = gate_open_ms / 1000
        self._gate_close_s = gate_close_ms / 1000
        self._closing: asyncio.TimerHandle | None = None
        self._history: list[dict[str, Any]] = []
        self._began_at = time.monotonic()
        self._tags, self._tags_after_s = 0, 0.0
        self._carrying: asyncio.Task[None] | None = None
        self.set_input("gate_closed", level=True)

    def set_input(self, name: str, *, level: bool) -> None:
        self._set_channel(self.wiring.inputs[name], level=level)

    def switch(self, channel: int, *, on: bool) -> bool:
        self.coils[channel] = on
        if channel == self.wiring.coils["deactivator_on"] and on and self._tags and self._carrying is None:
            self._carrying = asyncio.create_task(self._carry())
        return True

    def lay_tags(self, count: int, after_s: float) -> None:
        """So many live tags lie on the belt, so far from the deactivator; they take the place of others."""
        self._tags, self._tags_after_s = count, after_s

    async def _carry(self) -> None:
        """The belt brings the tags into the field, if it is still on by then."""
        await asyncio.sleep(self._tags_after_s)
        self._tags -= await self.feel_pulses("tags_deactivated", self._tags, 0.0)
        self._carrying = None

    def pulse(self, channel: int, *, on: bool) -> bool:
        """Begin or break off the pulse of an output; its beginning is what the machinery acts on."""
        self.pulses[channel] = on
        if on:
            asyncio.get_running_loop().call_later(self._pulse_s, self._end_pulse, channel)
            names = {at: name for name, at in self.wiring.pulse_coils.items()}
            match names.get(channel):
                case "gate_open":
                    self._open_gate()
                case "gate_close":
                    self._close_gate()
        return True

    def count_or_stop(self, channel: int, *, on: bool) -> bool:
        self.counting[channel] = on
        return True

    def clear_counter(self, channel: int, *, on: bool) -> bool:
        """Writing 0 is an illegal value, says the manual."""
        if on:
            self.counters[channel] = 0
        return on

    def outputs_off(self) -> None:
        self.coils = [False] * len(self.coils)

    def restart(self) -> None:
        """Power was off for a moment. What people and goods did stays in the history."""
        self.outputs_off()
        self.pulses = [False] * len(self.pulses)
        self.counters = [0] * len(self.counters)
        self.counting = [False] * len(self.counting)

    async def feel_pulses(self, name: str, count: int, width_s: float) -> int:
        """Pulses on a counter's terminal; how many there were: no tag dies while the deactivator is off."""
        channel = self.wiring.counters[name]
        done = 0
        for _ in range(count):
            if name == "tags_deactivated" and not self.coils[self.wiring.coils["deactivator_on"]]:
                continue
            self._set_channel(channel, level=True)
            await asyncio.sleep(width_s)
            self._set_channel(channel, level=False)
            await asyncio.sleep(width_s)
            done += 1
        return done

    async def walk_through(self, persons: int) -> int:
        """Persons walk through the open gate; how many did. It closes behind the last."""
        done = 0
        for _ in range(persons):
            if self._is_closed():
                break
            self._note("passage")
            await self.feel_pulses("passages", 1, 0.005)
            self._close_after(self._gate_close_s)
            done += 1
        return done

    def state(self) -> dict[str, Any]:
        wiring = self.wiring
        return {
            "inputs": {name: self.inputs[at] for name, at in wiring.inputs.items()},
            "counters": {name: self.counters[at] for name, at in wiring.counters.items()},
            "coils": {name: self.coils[at] for name, at in wiring.coils.items()},
            "pulse_coils": {name: self.pulses[at] for name, at in wiring.pulse_coils.items()},
            "gate": "closed" if self._is_closed() else "open",
            "history": self._history,
            "began_s": self._began_at,
        }

    def _set_channel(self, channel: int, *, level: bool) -> None:
        """The module counts rising edges."""
        if level and not self.inputs[channel] and self.counting[channel]:
            self.counters[channel] += 1
        self.inputs[channel] = level

    def _end_pulse(self, channel: int) -> None:
        self.pulses[channel] = False

    def _is_closed(self) -> bool:
        return self.inputs[self.wiring.inputs["gate_closed"]]

    def _open_gate(self) -> None:
        self._note("opened")
        self.set_input("gate_closed", level=False)
        self._close_after(self._gate_open_s)

    def _close_after(self, seconds: float) -> None:
        if self._closing is not None:
            self._closing.cancel()
        self._closing = asyncio.get_running_loop().call_later(seconds, self._close_gate)

    def _close_gate(self) -> None:
        if not self._is_closed():
            self._note("closed")
            self.set_input("gate_closed", level=True)

    def _note(self, event: str) -> None:
        at_s = round(time.monotonic() - self._began_at, 4)
        self._history.append({"seq": len(self._history) + 1, "event": event, "at_s": at_s})
