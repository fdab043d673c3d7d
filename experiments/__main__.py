"""Run an experiment with networks at full size, and store it.

    python -m experiments rounds --data digits --seeds 10
    python -m experiments noisy_labels --data mnist --seeds 5 --jobs 2
    python -m experiments rounds --data cifar10 --device cuda --set epochs=30 rounds=3

The result goes to ``results/deep/<name>_<data>.json``, with settings, versions, hardware and time,
and a summary to the screen. The same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys

from distill_lib import results
from experiments import problems, sweep


def main(arguments=None):
    """Run one experiment; return the exit status."""
    lines = (__doc__ or "").splitlines()
    parser = argparse.ArgumentParser(
        prog="python -m experiments", description=lines[0] if lines else None
    )
    parser.add_argument("name", choices=sweep.NAMES)
    parser.add_argument("--data", choices=list(problems.COMMON), default="digits")
    parser.add_argument("--seeds", type=int, default=10, help="how many (default: 10)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--out", default=sweep.FOLDER, help="folder of the result")
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="NAME=JSON", help="settings to replace"
    )
    options = parser.parse_args(arguments)
    if options.seeds < 1:
        parser.error(f"--seeds must be >= 1, got {options.seeds}")
    try:
        changes = dict(_setting(text) for text in options.set)
        path = sweep.run(
            options.name, options.data, seeds=options.seeds, out=options.out,
            device=options.device, jobs=options.jobs, changes=changes,
        )  # fmt: skip
    except (FileNotFoundError, ValueError) as error:  # the message says what to do
        print(f"{options.name}: {error}", file=sys.stderr)
        return 1
    stored = results.read(path)
    module = importlib.import_module(f"experiments.{options.name}")
    print(module.summary(stored.about["settings"], stored.arrays))
    print(f"{path}: {len(stored.about['seeds'])} seeds, {stored.about['seconds']} s")
    return 0


def _setting(text):
    """Read NAME=JSON."""
    name, found, value = text.partition("=")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError as error:
        expected = "NAME=JSON, for example epochs=10"
        raise ValueError(f"--set takes {expected}, got {text!r}") from (error if found else None)


if __name__ == "__main__":
    sys.exit(main())
