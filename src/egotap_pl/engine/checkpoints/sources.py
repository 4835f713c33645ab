"""Where checkpoints come from: files, run folders, names, and addresses, which are downloaded once."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import torch
import yaml

import egotap_pl
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import say

INDEX = Path(egotap_pl.__file__).parent / "weights" / "index.yaml"
"""Checkpoints that have a name."""
CACHE = "EGOTAP_CACHE"
"""Environment variable with the folder for downloaded checkpoints."""
_HUB = re.compile(r"hf://(?P<repo>[\w.-]+/[\w.-]+)/(?P<file>[^@#]+)(@(?P<revision>[\w.-]+))?(?P<sum>#.*)?")
_FORMS = "give a file, a run's folder, a name, https://... or hf://OWNER/REPO/FILE"


def cache_folder() -> Path:
    """The folder for downloaded checkpoints: that of EGOTAP_CACHE, or ``~/.cache/egotap``."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "egotap"
    return Path(os.environ.get(CACHE) or default)


def names() -> dict[str, dict[str, str]]:
    """The checkpoints that have a name, with their ``file``, or ``url`` and ``sha256``."""
    return dict(yaml.safe_load(INDEX.read_text(encoding="utf-8")) or {})


def find_weights(source: Path | str) -> Path:
    """The file or folder that a user names, downloaded if need be.

    Args:
        source: a path; a name in `INDEX`; ``https://...``; or ``hf://OWNER/REPO/FILE[@REVISION]`` (Hugging Face). An
            address may end in ``#sha256=...``, which the content must then have.

    Raises:
        EgotapError: if there is no such name, or the address cannot be downloaded or has another content.
    """
    text = str(source)
    if isinstance(source, str) and (match := _HUB.fullmatch(text)):
        revision = match["revision"] or "main"
        return _download(
            f"https://huggingface.co/{match['repo']}/resolve/{revision}/{match['file']}{match['sum'] or ''}"
        )
    if isinstance(source, str) and re.match(r"\w+://", text):
        return _download(text)
    path = Path(source)
    if path.exists() or len(path.parts) != 1 or path.suffix:
        return path
    known = names()
    if text not in known:
        listed = f"; the names are: {', '.join(known)}" if known else ""
        raise EgotapError(f"{text}: no such checkpoint; {_FORMS}{listed}")
    entry = known[text]
    return INDEX.parent / entry["file"] if "file" in entry else _download(f"{entry['url']}#sha256={entry['sha256']}")


def _download(address: str) -> Path:
    """The file of an address in the cache."""
    url, _, fragment = address.partition("#")
    checksum = fragment.removeprefix("sha256=") if fragment.startswith("sha256=") else None
    if fragment and (checksum is None or not re.fullmatch(r"[0-9a-f]{64}", checksum)):
        raise EgotapError(f"{address}: after # must stand sha256= and 64 hexadecimal digits")
    if not url.startswith("https://") and not (url.startswith("http://") and checksum):
        raise EgotapError(f"{address}: must begin with https:// or hf://, or be http:// with #sha256=...; {_FORMS}")
    name = re.sub(r"[^\w.-]+", "-", url.rpartition("/")[2]) or "checkpoint"
    path = cache_folder() / f"{hashlib.sha256(address.encode()).hexdigest()[:12]}-{name}"
    if path.is_file():
        return path
    say(f"downloading {url} to {path}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EgotapError(
            f"{url}: the folder of downloads, {path.parent}, cannot be made: {error.strerror or error}. Give another, "
            "EGOTAP_CACHE=DIR in the environment, or a local file"
        ) from error
    try:
        torch.hub.download_url_to_file(url, str(path), checksum)  # writes to a temporary name, checks, then renames
    except (OSError, ValueError, RuntimeError) as error:  # URLError is an OSError; RuntimeError: another content
        raise EgotapError(
            f"{url} could not be downloaded: {error}. Without a network, copy the file to {path}, or give a local file"
        ) from error
    return path
