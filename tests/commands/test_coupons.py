"""``unqueue coupons`` as someone at the store's server types it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from unqueue.commands.coupons import app

COUPON = {
    "kind": "amount_off", "id": "welcome", "zh": "新客立减 10 元", "en": "¥10 off to start with", "currency": "CNY",
    "code": "WELCOME10", "off_minor": 1000, "uses_max": 500, "valid_until": "2026-12-31",
}  # fmt: skip
runner = CliRunner()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory where the command is run."""
    (tmp_path / "unqueue.toml").write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UNQUEUE_SETTINGS", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def run(*words: str, status: int = 0) -> str:
    result = runner.invoke(app, [*words])
    assert result.exit_code == status, result.output
    return " ".join(result.output.split())


def test_import_and_list(shop: Path) -> None:
    file = shop / "coupons.json"
    birthday = {**COUPON, "id": "birthday", "code": None, "serials": []}
    file.write_text(json.dumps([COUPON, birthday]), encoding="utf-8")
    assert "2 added, 0 changed, 0 unchanged" in run("import", "coupons.json")
    assert "0 added, 0 changed, 2 unchanged" in run("import", "coupons.json")
    (shop / "serials.csv").write_text("id,serial\nbirthday,HAPPY1\nbirthday,HAPPY2\n", encoding="utf-8")
    assert "2 new serials" in run("import", "serials.csv")
    listed = run("list")
    assert "welcome" in listed
    assert "2026-12-31" in listed
    assert "500" in listed


def test_what_can_not_be_used_is_told(shop: Path) -> None:
    (shop / "coupons.json").write_text(json.dumps([{**COUPON, "currency": "EUR"}]), encoding="utf-8")
    assert "EUR, where the store has CNY" in run("import", "coupons.json", status=1)
    (shop / "coupons.json").write_text(json.dumps([{**COUPON, "off_minor": 0}]), encoding="utf-8")
    assert "welcome, off_minor" in run("import", "coupons.json", status=1)
    assert "welcome" not in run("list")
