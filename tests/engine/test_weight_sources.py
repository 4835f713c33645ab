"""Checkpoints are found by path, by name, and at addresses, which are downloaded once."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from random_checkpoints import checkpoint

from egotap_pl import load_lifter
from egotap_pl.core.errors import EgotapError
from egotap_pl.engine.checkpoints import sources as weight_sources
from egotap_pl.engine.checkpoints.sources import find_weights

CONTENT = b"weights"
SUM = hashlib.sha256(CONTENT).hexdigest()


class Quiet(SimpleHTTPRequestHandler):
    requests: list[str] = []  # noqa: RUF012  # of all handlers: the server makes one for each request

    def do_GET(self) -> None:
        self.requests.append(self.path)
        super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(weight_sources.CACHE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a folder with ``a model.ckpt``."""
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "a model.ckpt").write_bytes(CONTENT)
    Quiet.requests.clear()
    handler = partial(Quiet, directory=str(tmp_path / "served"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_an_address_is_downloaded_once(server: str, cache: Path) -> None:
    address = f"{server}/a%20model.ckpt#sha256={SUM}"
    path = find_weights(address)
    assert path.read_bytes() == CONTENT
    assert path.parent == cache
    assert find_weights(address) == path
    assert Quiet.requests == ["/a%20model.ckpt"]


def test_a_cache_that_cannot_be_written_to_names_its_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EGOTAP_CACHE", str(tmp_path / "file" / "egotap"))
    with pytest.raises(
        EgotapError, match=r"file.egotap, cannot be made: Not a directory\. Give another, EGOTAP_CACHE=DIR"
    ):
        find_weights("https://example.invalid/a.ckpt")


def test_another_content_is_refused_and_not_kept(server: str, cache: Path) -> None:
    with pytest.raises(EgotapError, match="could not be downloaded: invalid hash value"):
        find_weights(f"{server}/a%20model.ckpt#sha256={'0' * 64}")
    assert not list(cache.iterdir())


def test_what_is_not_there_and_what_is_not_reached(server: str) -> None:
    with pytest.raises(EgotapError, match="404"):
        find_weights(f"{server}/none.ckpt#sha256={SUM}")
    with pytest.raises(EgotapError, match=r"Without a network, copy the file to .*-x\.ckpt"):
        find_weights(f"http://127.0.0.1:9/x.ckpt#sha256={SUM}")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("http://example.org/x.ckpt", "must begin with https://"),
        ("ftp://example.org/x.ckpt", "must begin with https://"),
        ("https://example.org/x.ckpt#md5=1", "64 hexadecimal digits"),
        ("no-such-name", "no-such-name: no such checkpoint; give a file, a run's folder, a name"),
    ],
)
def test_what_is_refused(address: str, message: str) -> None:
    with pytest.raises(EgotapError, match=message):
        find_weights(address)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("hf://me/poses/best.ckpt", "https://huggingface.co/me/poses/resolve/main/best.ckpt"),
        ("hf://me/poses/a/best.ckpt@v1.2", "https://huggingface.co/me/poses/resolve/v1.2/a/best.ckpt"),
    ],
)
def test_addresses_at_hugging_face(address: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    urls = []
    monkeypatch.setattr("torch.hub.download_url_to_file", lambda url, path, checksum: urls.append((url, checksum)))
    find_weights(address)
    find_weights(f"{address}#sha256={SUM}")
    assert urls == [(url, None), (url, SUM)]


def test_names(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    here = checkpoint(tmp_path / "small.ckpt", "heatmaps=truth")
    entries = {"mine-small": {"file": here.name}, "mine-large": {"url": f"{server}/a%20model.ckpt", "sha256": SUM}}
    (tmp_path / "index.yaml").write_text(yaml.safe_dump(entries))
    monkeypatch.setattr(weight_sources, "INDEX", tmp_path / "index.yaml")
    assert type(load_lifter("mine-small")).__name__ == "Lifter"
    assert find_weights("mine-large").read_bytes() == CONTENT
    with pytest.raises(EgotapError, match="the names are: mine-large, mine-small"):
        find_weights("mine")


def test_a_file_comes_before_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine").write_bytes(b"")
    assert find_weights("mine") == Path("mine")


def test_every_published_name_has_a_file_or_a_checksum() -> None:
    for entry in weight_sources.names().values():
        assert (
            (weight_sources.INDEX.parent / entry["file"]).is_file() if "file" in entry else len(entry["sha256"]) == 64
        )
