"""Refuse coverage below 80 %, or below what it was: `check_coverage.py COVERAGE_JSON BASELINE_FILE`.

The baseline is committed and only ever raised; two tenths of a point are left for lines that threads reach or not.
"""

import json
import sys
from pathlib import Path

LEAST = 80.0
TOLERANCE = 0.2
WORTH_RAISING = 1.0


def main(report: Path, baseline: Path) -> int:
    """Compare, and say in a sentence what to do."""
    if not report.exists():
        print(f"{report} is missing: the tests did not get far enough to measure coverage.")
        return 1
    covered = float(json.loads(report.read_text(encoding="utf-8"))["totals"]["percent_covered"])
    before = float(baseline.read_text(encoding="utf-8"))
    floor = max(LEAST, before - TOLERANCE)
    if covered < floor:
        print(f"Coverage is {covered:.1f} %, it was {before:.1f} % and must be {floor:.1f} % at least. Add tests.")
        return 1
    print(f"Coverage is {covered:.1f} %, at least {floor:.1f} % is needed.")
    if covered > before + WORTH_RAISING:
        print(f"It rose: write {covered:.1f} into {baseline}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
