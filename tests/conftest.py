"""What holds for all tests: shared fixtures, and that under CI nothing is skipped."""

import os
from collections.abc import Generator

import hypothesis
import pytest

# How long an example takes depends on what else the machine does; a time limit would fail at random.
hypothesis.settings.register_profile("unqueue", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("unqueue")

pytest_plugins = [
    "tests.support.postgresql",
    "tests.support.databases",
    "tests.support.stores",
    "tests.support.browsers",
]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,  # noqa: ARG001  # pytest gives the arguments by these names
    call: pytest.CallInfo[None],  # noqa: ARG001
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that is skipped on a laptop that lacks something fails under CI, where everything is there."""
    report = yield
    if not hasattr(report, "wasxfail"):
        _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,  # noqa: ARG001
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for whole modules."""
    report = yield
    _refuse_skip(report)
    return report


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longrepr}"
