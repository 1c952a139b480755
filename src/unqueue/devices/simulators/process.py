"""Start a simulated device as its own process, and stop it.

```python
with SimulatorProcess.start("scale", "--settle-ms", "100") as scale:
    scale.announced["url"]          # for the driver's settings
    async with scale.control() as hand:
        await hand.ask(load_g=1250)
```
"""

import contextlib
import json
import subprocess
import sys
from types import TracebackType
from typing import Any, Self

from unqueue.devices.simulators.control import ControlClient

_STOP_S_MAX = 5.0


class SimulatorProcess:
    """A running simulator. `announced` is the first line that it printed."""

    def __init__(self, process: "subprocess.Popen[str]", announced: dict[str, Any]) -> None:
        self.process = process
        self.announced = announced

    @classmethod
    def start(cls, device: str, *options: str) -> Self:
        """Start `device` (`scale`, `scanner`, `io` or `printer`) with the command line's options, and wait for it.

        ChildProcessError when it does not come up; what it complained of is on our standard error.
        """
        command = [sys.executable, "-m", "unqueue.devices.simulators.command", device, *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603  # our own interpreter
        assert process.stdout is not None, "asked for a pipe"
        line = process.stdout.readline()
        try:
            return cls(process, json.loads(line))
        except ValueError as error:
            process.kill()
            process.wait()
            process.stdout.close()
            raise ChildProcessError(f"the simulated {device} did not start") from error

    def control(self) -> ControlClient:
        """The physical side."""
        return ControlClient(int(self.announced["control_port"]))

    def stop(self) -> int:
        """Ask it to end, and insist if it doesn't. Its exit status: 0 when it ended by itself."""
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(_STOP_S_MAX)
            if self.process.poll() is None:
                self.process.kill()
        status = self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        return status

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
