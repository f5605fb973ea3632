"""Checks that the emulator can run here, sets its environment, mends it, and runs it."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tidings_emulator.settings import SETTINGS, InvalidSetting

EMULATOR = "ministack"
EMULATOR_VERSION = "1.5.33"

EXIT_PORT_TAKEN = 3
EXIT_DATA_DIR = 4
EXIT_VERSION = 5
EXIT_MEND = 6
EXIT_SETTING = 7


class CannotStart(Exception):
    """Why the launcher refuses to start, in one line."""

    def __init__(self, exit_code: int, message: str) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def main(arguments: Sequence[str]) -> int:
    """Runs until SIGTERM; answers the exit code when it cannot start."""
    options = _options(arguments)
    try:
        _check_version()
        _check_data_dir(options.data_dir)
        _check_port(options.host, options.port)
        _read_settings()
        _set_environment(options)
        _run(options)
    except CannotStart as reason:
        print(f"emulator: {reason}", file=sys.stderr)
        return reason.exit_code
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="launch.py", description="The local AWS of Tidings")
    parser.add_argument("--host", default="127.0.0.1", help="interface to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=4566, help="port to listen on (default: %(default)s)")
    parser.add_argument("--data-dir", type=Path, required=True, help="where code and state are kept")
    parser.add_argument("--persist", action="store_true", help="keep the state over a clean stop")
    parser.add_argument("--enforce-roles", action="store_true", help="deny what a function's role does not allow")
    parser.add_argument("--callback-url", help="where functions call AWS, if not here: a proxy that injects faults")
    parser.add_argument(
        "--without", action="append", default=[], metavar="MEND", help="leave a mend out, to see what needs it"
    )
    return parser.parse_args(arguments)


def _check_version() -> None:
    try:
        found = importlib.metadata.version(EMULATOR)
    except importlib.metadata.PackageNotFoundError:
        raise CannotStart(
            EXIT_VERSION, f"{EMULATOR} is not installed; install requirements.txt into the Python that runs this"
        ) from None
    if found != EMULATOR_VERSION:
        raise CannotStart(EXIT_VERSION, f"{EMULATOR} {found} is installed, the mends are for {EMULATOR_VERSION}")


def _check_data_dir(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise CannotStart(EXIT_DATA_DIR, f"data directory {path} is not writable: {error.strerror}") from None


def _check_port(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotStart(EXIT_PORT_TAKEN, f"cannot listen on {host}:{port}: {error.strerror}") from None


def _read_settings() -> None:
    try:
        SETTINGS.read_environment(os.environ)
    except InvalidSetting as error:
        raise CannotStart(EXIT_SETTING, str(error)) from None


def _set_environment(options: argparse.Namespace) -> None:
    """The emulator reads its settings from the environment when it is imported; ours win over what is set outside."""
    data = options.data_dir.resolve()
    state = "1" if options.persist else "0"
    own_host = "127.0.0.1" if options.host == "0.0.0.0" else options.host
    os.environ.update(
        {
            "BIND_HOST": options.host,
            "GATEWAY_PORT": str(options.port),
            "AWS_ENDPOINT_URL": options.callback_url or f"http://{own_host}:{options.port}",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "AUTH": "true" if options.enforce_roles else "false",
            "PERSIST_STATE": state,
            "S3_PERSIST": state,
            "STATE_DIR": str(data / "state"),
            "S3_DATA_DIR": str(data / "s3"),
        }
    )
    os.environ.setdefault("LOG_LEVEL", "WARNING")


def _run(options: argparse.Namespace) -> None:
    try:
        from tidings_emulator.mends import MENDS
    except (ImportError, AttributeError) as error:
        raise CannotStart(EXIT_MEND, f"a mend does not find what it patches: {error}") from None
    from ministack import app

    from tidings_emulator.control import Control
    from tidings_emulator.mends.base import MendMismatch
    from tidings_emulator.serve import run

    unknown = set(options.without) - {mend.name for mend in MENDS}
    if unknown:
        raise CannotStart(EXIT_MEND, f"there is no mend {unknown.pop()!r}")
    mends = [mend for mend in MENDS if mend.name not in options.without]
    for mend in mends:
        try:
            mend.check()
        except MendMismatch as mismatch:
            raise CannotStart(EXIT_MEND, f"the mend {mend.name!r} no longer fits: {mismatch}") from None
    for mend in mends:
        mend.apply()
    control = Control(app.app, EMULATOR_VERSION, mends, options.persist)
    run(control, options.host, options.port, options.persist)
