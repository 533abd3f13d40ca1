"""`make bench`: measure, write bench/results.json, print the table."""

from __future__ import annotations

import sys
from pathlib import Path

from bench import ack, acknowledged, cold_start, doors, gateway, report


def main() -> int:
    """Run every measurement; an argument names the Docker engine."""
    engine = sys.argv[1] if len(sys.argv) > 1 else "unix:///var/run/docker.sock"
    numbers = [*ack.measure(), *acknowledged.measure(), *doors.measure(), *gateway.measure(), *cold_start.measure(engine)]
    report.write(numbers, Path(__file__).parent / "results.json")
    report.show(numbers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
