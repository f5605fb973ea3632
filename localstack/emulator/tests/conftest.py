"""An emulator per test run, and what the tests build in it."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import Emulator

LAUNCHER = Path(__file__).parent.parent / "launch.py"
LEFT_OUT: list[str] = []


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(data_dir: Path, *arguments: str, port: int | None = None, env: dict[str, str] | None = None) -> Emulator:
    port = port or free_port()
    command = [sys.executable, str(LAUNCHER), "--port", str(port), "--data-dir", str(data_dir), *LEFT_OUT, *arguments]
    process = subprocess.Popen(command, env=env)
    emulator = Emulator(port, process, data_dir)
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the launcher ended with {process.returncode}"
        try:
            urllib.request.urlopen(emulator.url + "/_ministack/health", timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return emulator
    process.kill()
    raise AssertionError("the launcher does not answer")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--without", action="append", default=[], metavar="MEND", help="run without this mend")


def pytest_configure(config: pytest.Config) -> None:
    LEFT_OUT.extend(f"--without={name}" for name in config.getoption("--without"))


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    running = start(tmp_path_factory.mktemp("data"))
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def fresh(request: pytest.FixtureRequest) -> None:
    """Each test that uses the shared emulator finds it empty."""
    if "emulator" in request.fixturenames:
        request.getfixturevalue("emulator").reset()
