"""Checks documents against the schema of CycloneDX 1.6."""

import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


def main() -> int:
    """Checks each file that is named."""
    faults = 0
    for path in sys.argv[1:]:
        fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(Path(path).read_text(encoding="utf-8"))
        if fault is not None:
            print(f"{path}: {fault}", file=sys.stderr)
            faults += 1
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
