"""Execute notebooks in place and store clean, deterministic outputs.

    OMP_NUM_THREADS=1 .venv/bin/python tools/execute.py chapters/01_puzzle.ipynb ...

Each notebook runs from a fresh kernel in its own folder. It is written only when every cell ran
(one tagged ``raises-exception`` may raise) and no stored output would differ on another machine or
on the next run: nothing on stderr, no warning, no object's address, no path of this machine. What
changes with each run is dropped: timings, widget state, tracebacks. So a second execution leaves
the file as it is, byte for byte.

The run times go to ``status.json`` beside the notebooks, with a digest of the code that ran and the
versions it ran on. The status page prints them; a test compares the digest.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

ROOT = Path(__file__).resolve().parents[1]
STATUS = "status.json"
TIMEOUT = 300
PACKAGES = ("numpy", "scipy", "scikit-learn", "matplotlib", "anywidget")
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
# Two threads that fight for two cores make linear algebra an order of magnitude slower.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
WARNING = re.compile(r"\b\w*Warning: ")
USES_TORCH = re.compile(r"^\s*(import torch|from (torch|distill_lib\.deep)\b)", re.M)
ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}")


class Refused(Exception):
    """The notebook cannot be stored; the message names the notebook, the cell and the reason."""


class Timer:
    """Wall time of each cell, and which cell is running."""

    def __init__(self):
        self.current, self.seconds, self._start = 0, {}, 0.0

    def start(self, cell, cell_index):
        """Note that a cell starts."""
        self.current, self._start = cell_index, time.perf_counter()

    def stop(self, cell, cell_index, execute_reply):
        """Note that it has run."""
        self.seconds[cell_index] = time.perf_counter() - self._start


def code_digest(notebook):
    """Return the sha256 of the code of a notebook, cell by cell."""
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()


def where(path, notebook, index):
    """Say which cell is meant, so that it can be found in JupyterLab."""
    lines = notebook.cells[index].source.strip().splitlines()
    return f"{path}, cell {index} ({lines[0][:60] if lines else 'empty'})"


def give_ids(notebook):
    """Keep the ids of the cells; a cell without one gets an id that depends only on its text."""
    notebook.nbformat_minor = max(notebook.nbformat_minor, 5)
    for index, cell in enumerate(notebook.cells):
        if not cell.get("id"):
            cell["id"] = hashlib.sha256(f"{index}:{cell.source}".encode()).hexdigest()[:8]


def run(path, notebook):
    """Execute all cells; return the seconds that each of them took."""
    os.environ.update(ONE_THREAD)
    timer = Timer()
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name=KERNELSPEC["name"],
        extra_arguments=["--log-level=ERROR"],  # the kernel's own start-up notices are no failure
        store_widget_state=False,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.resolve().parent)}},
        on_cell_execute=timer.start,
        on_cell_executed=timer.stop,
    )
    try:
        client.execute()
    except CellExecutionError as error:
        reason = f"{error.ename}: {error.evalue}"
        raise Refused(f"{where(path, notebook, timer.current)} fails with {reason}") from None
    except (CellTimeoutError, DeadKernelError) as error:
        reason = str(error).strip().splitlines()[0]
        raise Refused(f"{where(path, notebook, timer.current)} does not finish: {reason}") from None
    return timer.seconds


def clean(notebook):
    """Drop what would differ on the next run."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata["kernelspec"] = dict(KERNELSPEC)
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if "text/html" in data or "image/png" in data:
                data.pop(WIDGET_VIEW, None)
            if output.output_type == "error":  # its traceback shows paths of this machine
                output.traceback = [f"{output.ename}: {output.evalue}"]


def texts(output):
    """Yield the texts of an output that a reader sees or that a comparison reads."""
    if output.output_type == "stream":
        yield output.text
    elif output.output_type == "error":
        yield output.evalue
    for mime, data in output.get("data", {}).items():
        if mime.startswith("text/") and isinstance(data, str):
            yield data


def reason_to_refuse(output):
    """Say why an output must not be stored; None if it may be."""
    if output.get("name") == "stderr":
        return f"writes to stderr: {output.text.strip().splitlines()[-1][:200]}"
    text = "\n".join(texts(output))
    if WARNING.search(text):
        return f"shows a warning: {WARNING.search(text).group()}..."
    if ADDRESS.search(text):
        return f"shows an address, which changes with each run: {ADDRESS.search(text).group()}"
    if str(ROOT) in text or "/ipykernel_" in text:
        return "shows a path of this machine"
    if WIDGET_VIEW in output.get("data", {}):
        return "shows a widget without text/html or image/png, so nothing would be left of it"
    return None


def refuse_unclean(path, notebook):
    """Raise `Refused` for the first output that is not fit to be stored."""
    for index, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", ()):
            if reason := reason_to_refuse(output):
                raise Refused(f"{where(path, notebook, index)} {reason}")


def write_atomically(path, text):
    """Replace the file in one step; leave it alone if it holds this text already."""
    if path.exists() and path.read_text("utf8") == text:
        return
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf8", dir=path.parent, suffix=".tmp", delete=False
    ) as file:
        file.write(text)
    os.chmod(file.name, mode)
    os.replace(file.name, path)


def versions(notebook):
    """Return the versions that a run depends on; PyTorch's only where it is used."""
    found = {"python": platform.python_version()}
    torch = any(USES_TORCH.search(c.source) for c in notebook.cells if c.cell_type == "code")
    for package in (*PACKAGES, "torch") if torch else PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def record(path, notebook, seconds):
    """Enter the run into the status file beside the notebook."""
    slowest = max(seconds, key=seconds.get, default=0)
    entry = {
        "sha256": code_digest(notebook),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "seconds": round(sum(seconds.values()), 1),
        "slowest_cell": {
            "index": slowest,
            "id": notebook.cells[slowest].id,
            "first_line": (notebook.cells[slowest].source.strip().splitlines() or [""])[0],
            "seconds": round(seconds.get(slowest, 0.0), 1),
        },
        "versions": versions(notebook),
    }
    status = path.with_name(STATUS)
    entries = json.loads(status.read_text("utf8")) if status.exists() else {}
    entries[path.name] = entry
    text = json.dumps(dict(sorted(entries.items())), indent=2, ensure_ascii=False)
    write_atomically(status, text + "\n")
    return entry


def execute(path):
    """Execute one notebook in place and return its entry in the status file.

    Parameters
    ----------
    path : Path
        An ``.ipynb`` file.

    Returns
    -------
    dict
        Digest, date, seconds, slowest cell and versions.

    Raises
    ------
    Refused
        If a cell fails or an output is not fit to be stored; the file is then untouched.
    """
    notebook = nbformat.v4.reads(path.read_text("utf8"))  # unlike nbformat.read, invents no ids
    give_ids(notebook)
    seconds = run(path, notebook)
    clean(notebook)
    refuse_unclean(path, notebook)
    write_atomically(path, nbformat.writes(notebook) + "\n")
    return record(path, notebook, seconds)


def main(arguments=None):
    """Execute the notebooks named on the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="+", type=Path, metavar="NOTEBOOK")
    failed = 0
    for path in parser.parse_args(arguments).notebooks:
        try:
            entry = execute(path)
        except Refused as error:
            failed += 1
            print(f"not stored: {error}", file=sys.stderr)
        else:
            slowest = entry["slowest_cell"]
            print(
                f"{path}: {entry['seconds']} s, slowest cell {slowest['index']} "
                f"({slowest['first_line'][:40]}) {slowest['seconds']} s"
            )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
