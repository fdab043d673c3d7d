"""Find a data file, check its content, and download it only when asked to.

A file is looked for in the folder that the environment variable ``DISTILL_DATA`` names, then in
the reader's cache. Mirrors compress the same file differently, so its sha256 is that of the
*decompressed* bytes. What does not have it is never used.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import os
import tempfile
import zlib
from pathlib import Path

FOLDER_VARIABLE = "DISTILL_DATA"
TIMEOUT = 30  # seconds without a byte


def cache_folder():
    """Return the folder for downloads: ``distill-lib`` in ``XDG_CACHE_HOME`` or ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "distill-lib"


def content(name, sha256, *, folder, mirrors, download=False):
    """Return the decompressed bytes of a data file, checked.

    Parameters
    ----------
    name : str
        File name, the same on every mirror.
    sha256 : str
        Of the decompressed bytes.
    folder : str
        Subfolder of the data set, in ``DISTILL_DATA`` and in the cache; also the name of its
        function in `distill_lib.datasets`.
    mirrors : sequence of str
        Addresses that end in "/"; tried in order.
    download : bool, default False
        Fetch the file if it is missing, and replace a damaged one in the cache.

    Returns
    -------
    bytes

    Raises
    ------
    FileNotFoundError
        If the file is nowhere and `download` is False.
    ValueError
        If the file that is there is damaged.
    ImportError
        If a download needs pooch or tqdm and they are not installed.
    OSError
        If no mirror delivers the file.
    """
    given = os.environ.get(FOLDER_VARIABLE)
    if given and (path := Path(given) / folder / name).exists():
        return _checked(path, sha256)  # never repaired: it is the reader's folder
    path = cache_folder() / folder / name
    if path.exists():
        try:
            return _checked(path, sha256)
        except ValueError as error:
            if not download:
                raise ValueError(f"{error}; pass download=True to replace it") from None
    elif not download:
        raise FileNotFoundError(
            f"{name} is not on this machine. Set {FOLDER_VARIABLE} to a folder that holds "
            f"{folder}/{name} (now: {given!r}), or fetch it into {path.parent} with "
            f"distill_lib.datasets.{folder}(..., download=True)"
        )
    _download(name, sha256, path, mirrors)
    return _checked(path, sha256)


def _checked(path, sha256):
    """Return the decompressed bytes of a file; a second call does not read an unchanged file."""
    status = path.stat()
    return _read(path, sha256, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=4)
def _read(path, sha256, *stamp):
    return _decompressed(path, sha256)


def _decompressed(path, sha256):
    """Return the decompressed bytes of a file, or refuse it."""
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":  # some servers decompress on the way
            data = gzip.decompress(data)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ValueError(f"{path} is damaged: its content has sha256 {found}, expected {sha256}")
    return data


def _download(name, sha256, path, mirrors):
    """Put the file at `path`, whole and checked, or leave everything as it is."""
    fetch = _downloader()
    path.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for mirror in mirrors:
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            part = Path(folder) / name
            try:
                fetch(mirror + name, str(part), None)
                _decompressed(part, sha256)
            except (OSError, ValueError) as error:  # requests' errors are OSErrors
                failures.append(f"{mirror}: {error}")
                continue
            os.replace(part, path)
            return
    raise OSError(f"no mirror delivers {name}: " + "; ".join(failures))


def _downloader():
    """Return pooch's downloader with a progress bar."""
    try:
        import pooch
        import tqdm  # noqa: F401 (pooch draws its bar with it)
    except ImportError as error:
        raise ImportError(
            "a download needs pooch and tqdm: pip install 'distill-lib[data]'"
        ) from error
    return pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT)
