"""What an operator does with the data of a stack: a restore drill; all that there is of one user, handed out or erased."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from pathlib import Path

import drill
from botocore.exceptions import BotoCoreError, ClientError
from rows import RecoveryError, Tables, as_json, erase, exported


def say(text: str) -> None:
    """Tells how it goes on, beside what is handed out."""
    print(text, file=sys.stderr)


def moment(text: str) -> float:
    """A time with its zone, as seconds since the epoch."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time such as 2026-11-28T10:00:00+00:00"
        ) from error
    if when.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} has no zone: add Z or +00:00")
    return when.timestamp()


def main() -> int:
    """Runs one command."""
    parser = argparse.ArgumentParser(prog="cargo dev recovery", description=__doc__)
    parser.add_argument("--stack", default="tidings", help="name of the stack")
    parser.add_argument("--region")
    parser.add_argument("--endpoint-url")
    commands = parser.add_subparsers(dest="command", required=True)
    drilled = commands.add_parser(
        "drill",
        help="restore the log and the conversations beside the stack, and check them",
    )
    drilled.add_argument(
        "--at", type=moment, help="to this time; the latest, if not said"
    )
    drilled.add_argument(
        "--keep", action="store_true", help="leave the restored tables"
    )
    out = commands.add_parser("export", help="all that there is of a user, as JSON")
    out.add_argument("user")
    out.add_argument("--to", type=Path, help="the file; printed, if not said")
    gone = commands.add_parser("erase", help="remove all that there is of a user")
    gone.add_argument("user")
    gone.add_argument(
        "--yes", action="store_true", help="what is erased does not come back"
    )
    arguments = parser.parse_args()
    try:
        tables = Tables(arguments.stack, arguments.endpoint_url, arguments.region)
        if arguments.command == "drill":
            return drill.run(tables, arguments.at, arguments.keep, say)
        if arguments.command == "export":
            text = as_json(exported(tables, arguments.user))
            if arguments.to is None:
                print(text)
            else:
                arguments.to.write_text(text + "\n", encoding="utf-8")
            return 0
        if not arguments.yes:
            say(
                f"all of {arguments.user} would be erased, and would not come back: say --yes"
            )
            return 1
        erase(tables, arguments.user, say)
        return 0
    except (RecoveryError, BotoCoreError, ClientError) as error:
        say(f"error: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
