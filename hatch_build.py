"""The wheel holds the built screens: this hook of hatchling builds them where they are missing or out of date.

A source distribution carries the sources of the screens, an editable installation is served by `make install`.
"""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BuildScreens(BuildHookInterface[Any]):
    """Runs before the files of a wheel are gathered."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        del build_data
        if self.target_name != "wheel" or version == "editable":
            return
        root = Path(self.root)
        sys.path.insert(0, str(root / "scripts"))
        from build_web import build_what_changed, screens  # noqa: PLC0415  # scripts/ is no package

        build_what_changed(root)
        missing = [name for name in screens(root) if not (root / "src/unqueue/web_dist" / name / "index.html").exists()]
        if missing or not screens(root):
            raise RuntimeError(f"the wheel would lack screens: {', '.join(missing) or 'web/ holds none'}")
