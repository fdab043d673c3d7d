"""Run all benchmarks and print a Markdown table: ``python -m benchmarks [--quick]``."""

from __future__ import annotations

import argparse
import json
import os
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import chain
from pathlib import Path

from threadpoolctl import threadpool_info, threadpool_limits

from benchmarks import grid, memory, networks, readme, selection, single, tolerance_path
from benchmarks.measure import HEADER


def machine():
    """Return what a reader needs to judge the times."""
    blas = {f"{lib['internal_api']} {lib['version']}" for lib in threadpool_info()}
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": f"{platform.machine()}, {os.cpu_count()} cores, one thread used",
        "system": platform.system(),
        "python": platform.python_version(),
        "blas": ", ".join(sorted(blas)),
        **{
            name: version(name)
            for name in ("numpy", "scipy", "scikit-learn", "torch", "distill-lib")
        },
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does everything run?")
    parser.add_argument("--output", type=Path, help="JSON file (default: benchmarks/results.json)")
    options = parser.parse_args()
    if options.quick:
        results = chain(
            grid.run([60], lams=4),
            single.run([60], repeats=3),
            tolerance_path.run(20, 60, repeats=2),
            selection.run(60, lams=(4,), repeats=2),
            memory.run(2000, 10),
            networks.run(60, widths=(8,), epochs=1, repeats=2),
        )
    else:
        results = chain(
            single.run([1000, 2000]),
            grid.run([1000, 2000]),
            tolerance_path.run(),
            selection.run(),
            memory.run(200_000, 500),
            networks.run(),
        )
    print(HEADER)
    done = []
    with threadpool_limits(1):
        for result in results:
            print(result.row(), flush=True)
            done.append(asdict(result))
    about = machine()
    print("\n" + "; ".join(f"{key}: {value}" for key, value in about.items()))
    output = options.output or (None if options.quick else Path(__file__).parent / "results.json")
    if output:
        measured = {"machine": about, "results": done}
        output.write_text(json.dumps(measured, indent=2) + "\n")
        if options.output is None:
            page = Path(__file__).parents[1] / "README.md"
            page.write_text(readme.updated(page.read_text("utf8"), measured), "utf8")


if __name__ == "__main__":
    main()
