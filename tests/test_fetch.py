"""Data files: where they are looked for, what is refused, and downloads from a local server."""

import gzip
import hashlib
import http.server
import sys
import threading

import pytest

from distill_lib import _fetch

NAME = "values.gz"
DATA = bytes(range(256)) * 400
SHA256 = hashlib.sha256(DATA).hexdigest()
GOOD = gzip.compress(DATA)


def content(**more):
    return _fetch.content(NAME, SHA256, folder="set", **{"mirrors": (), **more})


@pytest.fixture
def given(tmp_path, monkeypatch):
    """Where the file belongs in the folder that DISTILL_DATA names."""
    monkeypatch.setenv("DISTILL_DATA", str(tmp_path / "given"))
    (tmp_path / "given" / "set").mkdir(parents=True)
    return tmp_path / "given" / "set" / NAME


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """Where the file belongs in the cache; the folder is not there yet."""
    monkeypatch.delenv("DISTILL_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "distill-lib" / "set" / NAME


def put(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def test_a_missing_file_says_what_to_do(cached):
    message = r"values\.gz is not on this machine\. Set DISTILL_DATA .*set/values\.gz \(now: None\)"
    with pytest.raises(FileNotFoundError, match=message):
        content()
    assert not cached.parent.exists()


def test_the_default_cache_is_in_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(_fetch.Path, "home", lambda: tmp_path)
    assert _fetch.cache_folder() == tmp_path / ".cache" / "distill-lib"


def test_the_given_folder_comes_first_then_the_cache(cached, given):
    put(cached, GOOD)
    assert content() == DATA  # nothing is in the given folder
    put(given, b"not the file")
    with pytest.raises(ValueError, match="given"):
        content()
    put(given, gzip.compress(DATA, compresslevel=1))
    put(cached, b"not the file")
    assert content() == DATA


@pytest.mark.parametrize("level", [0, 1, 9])
def test_however_it_is_compressed(given, level):
    put(given, gzip.compress(DATA, compresslevel=level))
    assert content() == DATA


def test_a_file_that_is_not_compressed_is_read_as_it_is(given):
    put(given, DATA)
    assert content() == DATA


DAMAGED = {
    "empty": b"",
    "truncated": GOOD[:-10],
    "half": GOOD[: len(GOOD) // 2],
    "a bit flipped in the stream": GOOD[:40] + bytes([GOOD[40] ^ 1]) + GOOD[41:],
    "more at the end": gzip.compress(DATA + b"\0"),
    "changed": gzip.compress(b"\1" + DATA[1:]),
    "a page of a server": b"<html>Not found</html>",
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_file_is_refused_and_left_alone(given, kind):
    put(given, DAMAGED[kind])
    for download in (False, True):
        with pytest.raises(ValueError, match=r"values\.gz is damaged"):
            content(download=download)
    assert given.read_bytes() == DAMAGED[kind]


def test_a_file_that_changes_is_read_again(given):
    put(given, GOOD)
    assert content() == DATA
    put(given, GOOD[:-20])
    with pytest.raises(ValueError, match="damaged"):
        content()


def test_a_file_is_found_where_it_would_be_read(cached, given):
    assert _fetch.find(NAME, "set") is None
    put(cached, b"unchecked")
    assert _fetch.find(NAME, "set") == cached
    put(given, b"unchecked")
    assert _fetch.find(NAME, "set") == given


# -------------------------------------------------------------------- other readers


def as_it_is(path, sha256):
    """A reader that knows the file by the sum of the file itself."""
    data = path.read_bytes()
    _fetch.verify(path, hashlib.sha256(data).hexdigest(), sha256)
    return [path.name, data]


FILE_SHA256 = hashlib.sha256(GOOD).hexdigest()


def whole_file(**more):
    more = {"mirrors": (), "read": as_it_is} | more
    return _fetch.content(NAME, FILE_SHA256, folder="set", **more)


def test_a_reader_decides_what_is_checked_and_returned(given):
    put(given, GOOD)
    assert whole_file() == [NAME, GOOD]
    assert whole_file() is whole_file()  # kept
    assert content() == DATA  # and not taken for what another reader returns
    put(given, gzip.compress(DATA, compresslevel=1))
    assert content() == DATA
    with pytest.raises(ValueError, match=r"values\.gz is damaged: its content has sha256"):
        whole_file()


def test_the_message_names_the_function_that_downloads(cached):
    with pytest.raises(FileNotFoundError, match=r"datasets\.set\(\.\.\., download=True\)"):
        whole_file()
    with pytest.raises(FileNotFoundError, match=r"datasets\.other\(\.\.\., download=True\)"):
        whole_file(function="other")


def test_a_file_without_mirrors_says_where_it_comes_from(cached, given):
    elsewhere = "ask its authors"
    message = rf"set/values\.gz \(now: '.*'\), or put it into {cached.parent}; ask its authors$"
    for download in (False, True):
        given.unlink(missing_ok=True)
        cached.unlink(missing_ok=True)
        with pytest.raises(FileNotFoundError, match=message):
            whole_file(elsewhere=elsewhere, download=download)
        put(cached, b"damaged")
        with pytest.raises(ValueError, match=r"values\.gz is damaged.*; ask its authors$"):
            whole_file(elsewhere=elsewhere, download=download)
        assert cached.read_bytes() == b"damaged"
        put(given, b"damaged")
        with pytest.raises(ValueError, match=r"expected \w+$"):
            whole_file(elsewhere=elsewhere, download=download)
        put(given, GOOD)
        assert whole_file(elsewhere=elsewhere, download=download) == [NAME, GOOD]


# ------------------------------------------------------------------------ downloads


class Mirrors(http.server.BaseHTTPRequestHandler):
    """One server, one mirror a folder."""

    seen = ()

    def do_GET(self):
        kind = self.path.split("/")[1]
        type(self).seen += (kind,)
        body = {"good": GOOD, "decompressing": GOOD, "short": GOOD}.get(kind, DAMAGED.get(kind))
        if body is None:
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        if kind == "decompressing":
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(body[:100] if kind == "short" else body)  # and the connection ends

    def log_message(self, *arguments):
        pass


@pytest.fixture
def mirrors(monkeypatch):
    """A function from kinds of mirrors to their addresses."""
    pytest.importorskip("pooch", reason="the extra data is not installed")
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(variable, "127.0.0.1")
    monkeypatch.setattr(Mirrors, "seen", ())
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirrors) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield lambda *kinds: [f"http://127.0.0.1:{server.server_port}/{kind}/" for kind in kinds]
        server.shutdown()


def test_a_download_goes_to_the_cache_once_with_a_progress_bar(cached, mirrors, capsys):
    assert content(mirrors=mirrors("good"), download=True) == DATA
    assert "100%" in capsys.readouterr().err
    assert cached.read_bytes() == GOOD
    assert [path.name for path in cached.parent.iterdir()] == [NAME]  # no parts are left
    assert content() == content(mirrors=mirrors("good"), download=True) == DATA
    assert Mirrors.seen == ("good",)


def test_nothing_is_downloaded_unasked(cached, mirrors):
    with pytest.raises(FileNotFoundError):
        content(mirrors=mirrors("good"))
    assert Mirrors.seen == ()


def test_the_next_mirror_is_asked_until_one_delivers(cached, mirrors):
    kinds = ("missing", "short", "truncated", "half", "changed", "good", "empty")
    assert content(mirrors=mirrors(*kinds), download=True) == DATA
    assert Mirrors.seen == kinds[:6]
    assert cached.read_bytes() == GOOD


def test_a_server_that_decompresses_on_the_way(cached, mirrors):
    assert content(mirrors=mirrors("decompressing"), download=True) == DATA
    assert content() == DATA


def test_without_a_mirror_that_delivers_nothing_is_left(cached, mirrors):
    with pytest.raises(
        OSError, match=r"no mirror delivers values\.gz.*missing.*404.*half"
    ) as error:
        content(mirrors=mirrors("missing", "half"), download=True)
    assert "damaged" in str(error.value)
    assert list(cached.parent.iterdir()) == []


def test_a_mirror_that_is_down_is_skipped(cached, mirrors):
    addresses = ["http://127.0.0.1:9/", *mirrors("good")]
    assert content(mirrors=addresses, download=True) == DATA


def test_a_damaged_file_in_the_cache_is_refused_or_replaced(cached, mirrors):
    put(cached, DAMAGED["truncated"])
    with pytest.raises(ValueError, match=r"damaged.*pass download=True to replace it"):
        content(mirrors=mirrors("good"))
    with pytest.raises(OSError, match="no mirror delivers"):
        content(mirrors=mirrors("half"), download=True)
    assert cached.read_bytes() == DAMAGED["truncated"]
    assert content(mirrors=mirrors("good"), download=True) == DATA
    assert cached.read_bytes() == GOOD


@pytest.mark.parametrize("package", ["pooch", "tqdm"])
def test_a_download_without_the_extra_says_what_to_install(cached, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r"pip install 'distill-lib\[data\]'"):
        content(download=True)


def test_a_download_is_checked_by_its_reader(cached, mirrors):
    """A mirror that decompresses on the way does not deliver the file itself."""
    kinds = ("half", "decompressing", "good")
    assert whole_file(mirrors=mirrors(*kinds), download=True) == [NAME, GOOD]
    assert Mirrors.seen == kinds
    assert cached.read_bytes() == GOOD


def test_a_damaged_file_in_the_cache_is_replaced_by_its_reader(cached, mirrors):
    put(cached, gzip.compress(DATA, compresslevel=1))  # right content, another file
    with pytest.raises(ValueError, match=r"damaged.*pass download=True to replace it"):
        whole_file(mirrors=mirrors("good"))
    assert whole_file(mirrors=mirrors("good"), download=True) == [NAME, GOOD]
