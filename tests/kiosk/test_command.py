"""`unqueue kiosk` on the command line: what it says where it can't work."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from unqueue.commands.kiosk import app
from unqueue.twin.ports import free_port


def settings(directory: Path, kiosk: str) -> str:
    file = directory / "unqueue.toml"
    file.write_text(kiosk)
    return str(file)


KIOSK = '[kiosk]\nid = "kiosk-1"\nserver_url = "http://127.0.0.1:1"\ntoken = "t"\nport = {port}\ndata_dir = "data"\n'
BROKEN = '[[kiosk.cash.devices]]\nname = "x"\ndriver = "ssp_recycler"\nport = "/dev/null"\noptions = { speed = "9" }\n'


@pytest.mark.parametrize(
    ("words", "text", "said"),
    [
        (["-s", "FILE"], "", "this machine has no kiosk in its settings"),
        (["-s", "FILE"], KIOSK + BROKEN, "ssp_recycler has no speed"),
        (["cash", "counts", "-s", "FILE"], "", "this machine has no kiosk in its settings"),
        (["cash", "counts", "-s", "FILE"], KIOSK, "kiosk-1 does not answer"),
        (["cash", "fill", "hopper-1", "CNY-100-coin=some", "--by", "小李", "-s", "FILE"], KIOSK, "Counts look like"),
        (["cash", "fill", "hopper-1", "--by", "小李", "-s", "FILE"], KIOSK, "Missing argument"),
    ],
)
def test_what_it_says_where_it_can_not_work(tmp_path: Path, words: list[str], text: str, said: str) -> None:
    file = settings(tmp_path, text.replace("{port}", str(free_port())))
    done = CliRunner().invoke(app, [file if word == "FILE" else word for word in words])
    assert done.exit_code != 0
    assert said in " ".join(done.output.replace("│", " ").split())
