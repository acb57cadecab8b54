"""Results on disk: labelled data with a manifest, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..errors import InputError, nearest

__all__ = ["check_file", "check_folder", "check_plot", "manifest", "save_folder", "write_file"]

FIGURES = (".png", ".svg", ".pdf")
MANIFEST = "manifest.json"
LIBRARIES = ("numpy", "scipy", "llvmlite", "pandas", "xarray", "pint")


def check_plot(path: Path) -> None:
    """Refuse a figure that could not be written, before anything runs.

    Raises
    ------
    InputError
    """
    if path.suffix.lower() not in FIGURES:
        suggestion = nearest(path.suffix.lower(), FIGURES) if path.suffix else "end in .png, .svg or .pdf"
        raise InputError(
            f"no figures of kind {path.suffix!r}", file=str(path), key="plot", suggestion=suggestion
        )
    check_file(path, "plot")


def check_file(path: Path, key: str) -> None:
    """Refuse a file in a folder that does not exist, or that is a folder itself."""
    if path.is_dir():
        raise InputError("is a folder", file=str(path), key=key)
    if not path.absolute().parent.is_dir():
        raise InputError("the folder it should stand in does not exist", file=str(path), key=key)


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds what this program did not write.

    Raises
    ------
    InputError
    """
    if folder.exists() and not folder.is_dir():
        raise InputError("is not a folder", file=str(folder), key="out")
    if not folder.absolute().parent.is_dir():
        raise InputError("the folder above it does not exist", file=str(folder), key="out")
    if not os.access(folder if folder.is_dir() else folder.absolute().parent, os.W_OK):
        raise InputError("cannot be written to", file=str(folder), key="out")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    try:
        ours = set(json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]) | {MANIFEST}
    except (OSError, ValueError, KeyError, TypeError):
        ours = set()
    others = sorted(p.name for p in folder.iterdir() if p.name not in ours)
    if others:
        raise InputError(
            f"holds {others[0]!r}, which stromal did not write",
            file=str(folder),
            key="out",
            suggestion="name a new or empty folder",
        )


def manifest(data: Mapping[str, Any], files: Mapping[str, bytes], **more: Any) -> dict[str, Any]:
    """Return what is needed to know and to repeat a result: inputs, versions, hashes. No clock, no host."""
    versions = {"python": platform.python_version(), "stromal": data.get("stromal")}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "written_by": "stromal",
        **{k: data[k] for k in ("command", "inputs", "seed", "warnings", "failed_patients") if k in data},
        "versions": versions,
        **more,
        "files": {
            name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            for name, content in files.items()
        },
    }


def save_folder(folder: Path, files: Mapping[str, bytes], about: Mapping[str, Any]) -> Path:
    """Write files and a manifest into a folder, all of them or none.

    Raises
    ------
    InputError
        If the folder holds other files or cannot be written.
    """
    check_folder(folder)
    target = folder.absolute()
    try:
        fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as err:
        raise InputError(f"cannot be written: {err.strerror}", file=str(folder), key="out") from None
    try:
        fresh.chmod(0o755)
        for name, content in {**files, MANIFEST: (json.dumps(about, indent=1) + "\n").encode()}.items():
            (fresh / name).write_bytes(content)
        if target.exists():
            # set the old results aside first: a folder is replaced whole
            old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
            os.replace(target, old / "was")
            try:
                os.replace(fresh, target)
            except OSError:
                os.replace(old / "was", target)
                raise
            finally:
                shutil.rmtree(old, ignore_errors=True)
        else:
            os.replace(fresh, target)
    except OSError as err:
        raise InputError(f"cannot be written: {err.strerror}", file=str(folder), key="out") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


def write_file(path: Path, content: bytes, key: str, *, overwrite: bool = True) -> Path:
    """Write one file whole or not at all.

    Raises
    ------
    InputError
        If it exists and may not be replaced, or cannot be written.
    """
    check_file(path, key)
    if not overwrite and path.exists():
        raise InputError(
            "exists already, and is left as it is", file=str(path), key=key, suggestion="choose another name"
        )
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.absolute().parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as err:
        raise InputError(f"cannot be written: {err.strerror}", file=str(path), key=key) from None
    return path
