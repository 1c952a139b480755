"""The command line of Alipay's sandbox."""

from pathlib import Path

import httpx
import pytest
from tests.support.sandboxes import SandboxProcess
from typer.testing import CliRunner

from unqueue.commands.simulate import SANDBOXES
from unqueue.providers.alipay import keys
from unqueue.providers.alipay.sandbox.command import app


def test_it_says_where_it_is_and_ends_well(tmp_path: Path) -> None:
    options = ["--public-url", "https://front.example/alipay/"]
    process = SandboxProcess(tmp_path, SANDBOXES["alipay"], "alipay", *options)
    process.start()
    announced = process.announced
    assert (announced["device"], announced["public_url"]) == ("alipay", "https://front.example/alipay")
    keys.load_public_key(Path(announced["public_key_file"]))
    keys.load_private_key(tmp_path / "demo-store.key")
    page = httpx.get(process.url + "/scan", trust_env=False)
    assert "支付宝（沙盒）" in page.text
    assert process.stop() == 0


@pytest.mark.parametrize(
    "merchant", ["1", "1,2", "1,2,", ",2,key.pub", "1,2,nowhere.pub", "1,2,x,一个", "1,2,x,一,二,三"]
)
def test_a_merchant_that_can_not_be_read_is_told(tmp_path: Path, merchant: str) -> None:
    done = CliRunner().invoke(app, ["alipay", "--data-dir", str(tmp_path), "--merchant", merchant])
    assert done.exit_code == 2
    assert "merchant" in done.output or "public key of 1" in done.output


def test_a_merchant_has_a_name(tmp_path: Path) -> None:
    _, public = keys.ensure_key_pair(tmp_path, "shop")
    process = SandboxProcess(
        tmp_path, SANDBOXES["alipay"], "alipay", "--merchant", f"2021,2088,{public},果蔬店,Greengrocer"
    )
    process.start()
    assert process.stop() == 0
