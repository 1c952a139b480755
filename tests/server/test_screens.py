"""The web screens as the server hands them out."""

from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from unqueue.server import screens


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("handset", "console", "shop"):
        (tmp_path / name / "assets").mkdir(parents=True)
        (tmp_path / name / "index.html").write_text(f"<title>{name}</title>")
        (tmp_path / name / "assets" / "index.js").write_text("//")
    monkeypatch.setattr(screens, "WEB", tmp_path)
    return tmp_path


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize("name", ["handset", "console", "shop"])
def test_a_screen_whose_slash_was_not_typed_still_finds_its_files(name: str) -> None:
    with TestClient(Litestar([*screens.screens()])) as client:
        page = client.get(f"/{name}?lang=en")
        script = client.get(page.url.join("./assets/index.js"))

    assert page.text == f"<title>{name}</title>"
    assert page.url.query == b"lang=en"
    assert script.text == "//"
