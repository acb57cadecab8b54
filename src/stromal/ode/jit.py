"""Machine code: LLVM IR to an object file, kept in a content-keyed cache, loaded into this process."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from threading import Lock

import llvmlite
import llvmlite.binding as llvm

__all__ = [
    "Library",
    "cache_folder",
    "compile_object",
    "factor_lanes",
    "lanes",
    "read_cache",
    "register_lanes",
    "target_key",
    "tile_rows",
    "write_cache",
]

_LOCK = Lock()  # LLVM's global context is not safe to share between threads
MAGIC = b"stromal-object-1\n"


@lru_cache(maxsize=1)
def _start() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


@lru_cache(maxsize=1)
def _features() -> tuple[str, str]:
    _start()
    try:
        features = llvm.get_host_cpu_features().flatten()
    except RuntimeError:
        features = ""
    return llvm.get_host_cpu_name(), features


def lanes() -> int:
    """Return how many runs share a vector on this machine: 8 with AVX2 or AVX-512, otherwise 4."""
    features = _features()[1].split(",")
    return 8 if "+avx2" in features or "+avx512f" in features else 4


def register_lanes() -> int:
    """Return how many runs share a register of this machine."""
    return 8 if "+avx512f" in _features()[1].split(",") else 4


def factor_lanes(width: int, single: bool) -> int:
    """Return how many runs share a register in the linear algebra, for ``width`` runs in a vector."""
    return min(width, register_lanes() * (2 if single else 1))


def tile_rows() -> int:
    """Return the rows of a square tile that fits the registers: 32 with AVX-512, otherwise 16."""
    return 4 if "+avx512f" in _features()[1].split(",") else 3


def target_key() -> str:
    """Return what machine code depends on beside the IR: LLVM, processor, platform."""
    return "|".join([llvmlite.__version__, str(llvm.llvm_version_info), sys.platform, *_features()])


def _machine(opt: int) -> llvm.TargetMachine:
    name, features = _features()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(name, features, opt, reloc="pic", codemodel="jitdefault")


def compile_object(control: str, straight: str, opt: int = 1) -> bytes:
    """Return an object file of two modules linked into one.

    Parameters
    ----------
    control : str
        IR with loops, optimised.
    straight : str
        IR of long straight-line functions, taken as it is: it has no redundancy left to find.
    opt : int
        LLVM's code generation level.
    """
    with _LOCK:
        _start()
        machine = _machine(opt)
        module = llvm.parse_assembly(control)
        builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=1))
        builder.getModulePassManager().run(module, builder)
        module.link_in(llvm.parse_assembly(straight))
        module.verify()
        return machine.emit_object(module)


class Library:
    """An object file loaded into this process; must outlive every call of its functions."""

    def __init__(self, content: bytes) -> None:
        with _LOCK:
            _start()
            self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine(1))
            self._engine.add_object_file(llvm.ObjectFileRef.from_data(content))
            self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Return the address of function ``name``.

        Raises
        ------
        RuntimeError
            If there is none.
        """
        address = self._engine.get_function_address(name)
        if not address:
            raise RuntimeError(f"no function {name!r} in the generated code")
        return address


def cache_folder() -> Path:
    """Return where machine code is kept: ``STROMAL_CACHE``, or the platform's cache folder."""
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
    """Return the facts and the object file kept under ``key``; None if absent, damaged or foreign."""
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
    """Keep an object file; a full or read-only disk is no error.

    The file is written under a name of its own and renamed, so that a reader, or another process
    that builds the same code, sees a whole file or none.
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
