"""The server's description of itself is whole, and the screens' types say the same."""

import json
import subprocess
from pathlib import Path

import pytest
from scripts.build_web import find_node
from typer.testing import CliRunner

from unqueue.__main__ import app

WEB = Path(__file__).resolve().parents[2] / "web"


@pytest.fixture(scope="module")
def document() -> str:
    answer = CliRunner().invoke(app, ["api"])
    assert answer.exit_code == 0, answer.output
    return answer.output


def test_every_route_of_the_contract_is_in_it(document: str) -> None:
    paths = json.loads(document)["paths"]
    assert {"/api/trips", "/api/trips/{trip_id}/scans", "/api/orders/{order_id}", "/api/events"} <= set(paths)


def test_no_two_things_have_one_name(document: str) -> None:
    """Such as would be told apart by the names of our modules."""
    assert [name for name in json.loads(document)["components"]["schemas"] if "_" in name] == []


def test_the_screens_types_are_the_servers(document: str, tmp_path: Path) -> None:
    file = tmp_path / "openapi.json"
    file.write_text(document, "utf-8")
    node, _ = find_node()
    compared = subprocess.run([node, "contract.ts", str(file)], cwd=WEB, capture_output=True, text=True, check=False)
    assert compared.returncode == 0, compared.stdout + compared.stderr
