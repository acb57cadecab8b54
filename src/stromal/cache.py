"""The cache on disk: what can be made again, kept by content; damaged or foreign files are not read."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path

__all__ = ["cache_folder", "read_cache", "write_cache"]

MAGIC = b"stromal-object-1\n"


def cache_folder() -> Path:
    """Return where what can be made again is kept: ``STROMAL_CACHE``, or the platform's cache folder."""
    own = os.environ.get("STROMAL_CACHE")
    if own:
        return Path(own)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "stromal"


def read_cache(key: str) -> tuple[dict, bytes] | None:
    """Return the facts and the bytes kept under ``key``; None if absent, damaged or foreign."""
    try:
        content = (cache_folder() / f"{key}.bin").read_bytes()
        magic, check, head, body = content.split(b"\n", 3)
        if magic + b"\n" != MAGIC or hashlib.sha256(head + b"\n" + body).hexdigest() != check.decode():
            return None
        facts = json.loads(head)
        return (facts, body) if facts["key"] == key else None
    except (OSError, ValueError, KeyError):
        return None


def write_cache(key: str, facts: dict, body: bytes) -> None:
    """Keep facts and bytes; a full or read-only disk is no error.

    The file is written under a name of its own and renamed, so that a reader, or another process
    that makes the same, sees a whole file or none.
    """
    head = json.dumps({**facts, "key": key}).encode()
    check = hashlib.sha256(head + b"\n" + body).hexdigest().encode()
    temporary = None
    try:
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder, suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(b"\n".join([MAGIC.rstrip(b"\n"), check, head, body]))
        os.replace(temporary, folder / f"{key}.bin")
    except OSError:
        if temporary is not None:
            try:
                os.unlink(temporary)
            except OSError:
                pass
