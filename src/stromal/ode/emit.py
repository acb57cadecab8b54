"""LLVM IR to object files: long code is shared out to other processes, one for each further core.

LLVM compiles functions one after another, and llvmlite holds one lock over all of it, so threads do
not help. A helper is this file run as a script: it needs llvmlite and nothing of the package. If
one cannot be had, its share is compiled here.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import IO

import llvmlite.binding as llvm

__all__ = ["LOCK", "TABLE", "Objects", "compile_objects", "cpu", "target_machine"]

LOCK = Lock()  # LLVM's global context is not safe to share between threads
SHARE = 15_000  # lines of IR that are worth a process: half a second
TABLE = "elsewhere"  # of the addresses of functions that lie in other objects
_CALL = re.compile(r"^  call void @([\w.]+)\(", re.MULTILINE)
_BETWEEN = "\n; straight\n"


@dataclass(frozen=True)
class Objects:
    """Object files of one program.

    Attributes
    ----------
    content : list of bytes
        The first has the program's functions, and the table ``elsewhere`` with the addresses of those that
        lie in the others: no file refers to a symbol of another, which LLVM's loader gets wrong.
    names : list of list of str
        Functions in each of the others, in the order of the table.
    """

    content: list[bytes]
    names: list[list[str]]


@lru_cache(maxsize=1)
def cpu() -> tuple[str, str]:
    """Return the name of this machine's processor, and its features."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    try:
        features = llvm.get_host_cpu_features().flatten()
    except RuntimeError:
        features = ""
    return llvm.get_host_cpu_name(), features


def target_machine(opt: int) -> llvm.TargetMachine:
    """Return what writes machine code for this processor."""
    name, features = cpu()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(name, features, opt, reloc="pic", codemodel="jitdefault")


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS, not on Windows
        return os.cpu_count() or 1


def _share_out(straight: str, parts: int) -> tuple[list[str], list[list[str]]]:
    """Return modules of about one length in place of one, and the names of what was taken out of the first.

    Pieces (internal functions, which call no other) are shared out; in the first module calls of those
    that are elsewhere go through the table.
    """
    pieces: dict[str, str] = {}  # by name
    outer: list[str] = []  # functions that call them
    rest: list[str] = []  # what is no function
    for block in re.split(r"^(?=define )", straight, flags=re.MULTILINE):
        end = block.index("\n}\n") + 3 if block.startswith("define ") else 0
        if block.startswith("define internal "):
            pieces[block[block.index("@") + 1 : block.index("(")]] = block[:end]
        else:
            outer.append(block[:end])
        rest.append(block[end:])
    modules: list[list[str]] = [[] for _ in range(parts)]
    length = [0] * parts
    for name in sorted(pieces, key=lambda name: -len(pieces[name])):
        least = length.index(min(length))
        modules[least].append(name)
        length[least] += len(pieces[name])
    names = modules[1:]
    place = {name: i for i, name in enumerate(name for part in names for name in part)}

    def through_table(match: re.Match) -> str:
        i = place.get(match[1])
        if i is None:
            return match[0]
        at = f"getelementptr ([{len(place)} x ptr], ptr @{TABLE}, i64 0, i64 {i})"
        return f"  %at.{match.start()} = load ptr, ptr {at}\n  call void %at.{match.start()}("

    table = f"@{TABLE} = global [{len(place)} x ptr] zeroinitializer\n"
    calls = [_CALL.sub(through_table, text) for text in outer]
    own = "".join([table, *rest, *(pieces[name] for name in modules[0]), *calls])
    others = [
        "".join([*rest, *(pieces[name].replace("define internal ", "define ", 1) for name in part)])
        for part in names
    ]
    return [own, *others], names


def _emit(control: str, straight: str, opt: int) -> bytes:
    """Return the object file of two modules linked into one, of which the first is optimised."""
    machine = target_machine(opt)
    module = llvm.parse_assembly(control)
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=1))
    builder.getModulePassManager().run(module, builder)
    module.link_in(llvm.parse_assembly(straight))
    module.verify()
    return machine.emit_object(module)


@dataclass
class _Helper:
    """A process that compiles a module."""

    process: subprocess.Popen
    out: IO[bytes]

    def answer(self) -> bytes:
        """Return the object file; empty if the process failed."""
        failed = self.process.wait()
        self.out.seek(0)
        return b"" if failed else self.out.read()

    def stop(self) -> None:
        """End the process if it still runs."""
        self.process.kill()
        self.process.wait()
        self.out.close()


def _ask(vectors: str, straight: str, opt: int) -> _Helper | None:
    """Start a process that compiles a module; None if none can be had."""
    try:
        # files and not pipes: neither side has to wait for the other to read
        out = tempfile.TemporaryFile()
        with tempfile.TemporaryFile() as text:
            text.write((vectors + _BETWEEN + straight).encode())
            text.seek(0)
            command = [sys.executable, "-P", __file__, str(opt)]
            process = subprocess.Popen(command, stdin=text, stdout=out, stderr=subprocess.DEVNULL)
        return _Helper(process, out)
    except (OSError, ValueError):
        return None


def compile_objects(control: str, vectors: str, straight: str, opt: int = 1) -> Objects:
    """Return the object files of a program.

    Parameters
    ----------
    control : str
        IR with loops, optimised.
    vectors : str
        IR of functions that ``straight`` calls, and that ``control`` has too.
    straight : str
        IR of long straight-line functions, taken as it is: it has no redundancy left to find. Those
        that are internal are on pointers and call none of the others.
    opt : int
        LLVM's code generation level.
    """
    parts = max(1, min(_cores(), straight.count("\n") // SHARE))
    (own, *others), names = _share_out(straight, parts) if parts > 1 else ([straight], [])
    helpers = [_ask(vectors, text, opt) for text in others]
    try:
        with LOCK:
            out = [_emit(control, own, opt)]
        for text, helper in zip(others, helpers, strict=True):
            content = helper.answer() if helper else b""
            if not content:
                with LOCK:
                    content = _emit(vectors, text, opt)
            out.append(content)
        return Objects(out, names)
    finally:
        for helper in helpers:
            if helper:
                helper.stop()


if __name__ == "__main__":
    parts = sys.stdin.buffer.read().decode().split(_BETWEEN)
    sys.stdout.buffer.write(_emit(parts[0], parts[1], int(sys.argv[1])))
