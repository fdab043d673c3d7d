"""Find a data file, check its content, and download it only when asked to.

A file is looked for in the folder that the environment variable ``DISTILL_DATA`` names, then in
the reader's cache. What a file must hold is known by a sha256, and a *reader* says of what: mirrors
compress the same file differently, so the default is that of the *decompressed* bytes. What does
not have it is never used.
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


def content(
    name, sha256, *, folder, mirrors, download=False, read=None, function=None, elsewhere=None
):
    """Return the content of a data file, checked.

    Parameters
    ----------
    name : str
        File name, the same on every mirror.
    sha256 : str
        Of the decompressed bytes, or of what `read` hashes.
    folder : str
        Subfolder of the data set, in ``DISTILL_DATA`` and in the cache.
    mirrors : sequence of str
        Addresses that end in "/"; tried in order.
    download : bool, default False
        Fetch the file if it is missing, and replace a damaged one in the cache.
    read : callable, default `decompressed`
        ``read(path, sha256)`` returns the content, and raises ValueError if it is damaged. What it
        returns is kept and shared, so it must not be changed.
    function : str, default `folder`
        Name in `distill_lib.datasets` of the function that downloads the file; for messages.
    elsewhere : str, optional
        For a file that has no mirrors: where it comes from, as a sentence. It is never downloaded.

    Returns
    -------
    object
        What `read` returns; the decompressed bytes by default.

    Raises
    ------
    FileNotFoundError
        If the file is nowhere and `download` is False, or it cannot be downloaded.
    ValueError
        If the file that is there is damaged.
    ImportError
        If a download needs pooch or tqdm and they are not installed.
    OSError
        If no mirror delivers the file.
    """
    read = read or decompressed
    fetched = download and not elsewhere
    path = find(name, folder)
    cached = cache_folder() / folder / name
    if path is None and not fetched:
        raise FileNotFoundError(_missing(name, cached, function or folder, elsewhere))
    if path is not None and path != cached:
        return _checked(path, sha256, read)  # never repaired: it is the reader's folder
    if path is not None:
        try:
            return _checked(path, sha256, read)
        except ValueError as error:
            if not fetched:
                hint = elsewhere or "pass download=True to replace it"
                raise ValueError(f"{error}; {hint}") from None
    _download(name, sha256, cached, mirrors, read)
    return _checked(cached, sha256, read)


def find(name, folder):
    """Return the path of a data file, unchecked; None if it is not on this machine."""
    given = os.environ.get(FOLDER_VARIABLE)
    if given and (path := Path(given) / folder / name).exists():
        return path
    path = cache_folder() / folder / name
    return path if path.exists() else None


def _missing(name, cached, function, elsewhere):
    """Say what to do about a file that is not there."""
    given = os.environ.get(FOLDER_VARIABLE)
    folder = cached.parent.name
    start = (
        f"{name} is not on this machine. Set {FOLDER_VARIABLE} to a folder that holds "
        f"{folder}/{name} (now: {given!r}), or "
    )
    if elsewhere:
        return f"{start}put it into {cached.parent}; {elsewhere}"
    return (
        f"{start}fetch it into {cached.parent} with "
        f"distill_lib.datasets.{function}(..., download=True)"
    )


def _checked(path, sha256, read):
    """Return the content of a file; a second call does not read an unchanged file."""
    status = path.stat()
    return _read(path, sha256, read, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=8)  # the four files of MNIST and the three of CIFAR-10
def _read(path, sha256, read, *stamp):
    return read(path, sha256)


def verify(path, found, sha256):
    """Refuse a file whose content has another sha256 than expected."""
    if found != sha256:
        raise ValueError(f"{path} is damaged: its content has sha256 {found}, expected {sha256}")


def decompressed(path, sha256):
    """Return the decompressed bytes of a file, or refuse it."""
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":  # some servers decompress on the way
            data = gzip.decompress(data)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    verify(path, hashlib.sha256(data).hexdigest(), sha256)
    return data


def _download(name, sha256, path, mirrors, read):
    """Put the file at `path`, whole and checked, or leave everything as it is."""
    fetch = _downloader()
    path.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for mirror in mirrors:
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            part = Path(folder) / name
            try:
                fetch(mirror + name, str(part), None)
                read(part, sha256)
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
