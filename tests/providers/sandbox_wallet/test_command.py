"""The command line of the wallet."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from unqueue.providers.sandbox_wallet.sandbox.command import app

COMMAND = [sys.executable, "-m", "unqueue.providers.sandbox_wallet.sandbox.command", "wallet"]


def test_it_says_where_it_is_and_ends_well(tmp_path: Path) -> None:
    options = ["--data-dir", str(tmp_path), "--public-url", "https://front.example/wallet/"]
    process = subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    announced = json.loads(process.stdout.readline())
    assert announced["device"] == "wallet"
    assert announced["public_url"] == "https://front.example/wallet"
    assert Path(announced["public_key_file"]).read_text().startswith("-----BEGIN PUBLIC KEY-----")
    assert (tmp_path / "demo-store.key").exists(), "without a merchant there is one to try out"
    assert httpx.get(announced["url"] + "/cashier.css", trust_env=False).status_code == 200
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    process.stdout.close()


@pytest.mark.parametrize("merchant", ["store-7", "store-7,", ",key.pub", "store-7,nowhere.pub", "store-7,x,一个"])
def test_a_merchant_that_can_not_be_read_is_told(tmp_path: Path, merchant: str) -> None:
    done = CliRunner().invoke(app, ["wallet", "--data-dir", str(tmp_path), "--merchant", merchant])
    assert done.exit_code == 2
    assert "merchant" in done.output or "store-7" in done.output
