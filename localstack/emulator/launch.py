"""Starts the local AWS of Tidings: `python launch.py --port 4566 --data-dir DIR [--persist]`."""

import sys

from tidings_emulator.startup import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
