"""Machine code: what this machine can do, and object files loaded into this process."""

from __future__ import annotations

import ctypes
import sys

import llvmlite
import llvmlite.binding as llvm

from .emit import LOCK, TABLE, Objects, cpu, target_machine

__all__ = [
    "Library",
    "factor_lanes",
    "lanes",
    "register_lanes",
    "target_key",
    "tile_rows",
]


def lanes() -> int:
    """Return how many runs share a vector on this machine: 8 with AVX2 or AVX-512, otherwise 4."""
    features = cpu()[1].split(",")
    return 8 if "+avx2" in features or "+avx512f" in features else 4


def register_lanes() -> int:
    """Return how many runs share a register of this machine."""
    return 8 if "+avx512f" in cpu()[1].split(",") else 4


def factor_lanes(width: int, single: bool) -> int:
    """Return how many runs share a register in the linear algebra, for ``width`` runs in a vector."""
    return min(width, register_lanes() * (2 if single else 1))


def tile_rows() -> int:
    """Return the rows of a square tile that fits the registers: 32 with AVX-512, otherwise 16."""
    return 4 if "+avx512f" in cpu()[1].split(",") else 3


def target_key() -> str:
    """Return what machine code depends on beside the IR: LLVM, processor, platform."""
    return "|".join([llvmlite.__version__, str(llvm.llvm_version_info), sys.platform, *cpu()])


class Library:
    """Object files loaded into this process; must outlive every call of their functions."""

    def __init__(self, objects: Objects) -> None:
        with LOCK:
            self._engines = []
            for content in objects.content:
                engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine(1))
                engine.add_object_file(llvm.ObjectFileRef.from_data(content))
                engine.finalize_object()
                self._engines.append(engine)
        addresses = [self.address(name, i) for i, names in enumerate(objects.names, 1) for name in names]
        if addresses:
            table = self._engines[0].get_global_value_address(TABLE)
            pointers = (ctypes.c_size_t * len(addresses))(*addresses)
            ctypes.memmove(table, pointers, ctypes.sizeof(pointers))

    def address(self, name: str, i: int = 0) -> int:
        """Return the address of function ``name`` of object ``i``.

        Raises
        ------
        RuntimeError
            If there is none.
        """
        address = self._engines[i].get_function_address(name)
        if not address:
            raise RuntimeError(f"no function {name!r} in the generated code")
        return address
