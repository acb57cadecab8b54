"""Straight-line LLVM IR of a system: what is free of the state, right-hand side, Jacobian.

A value is a register with one run in each lane (structure of arrays: number ``i`` of a run is lane
``l`` of vector ``i``), so lanes never meet and a run's result cannot depend on its neighbours.
No fast-math flag is set; a product is fused with the sum that uses it where the machine can.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from functools import reduce

import numpy as np

from ..model.system import System
from .jit import tile_rows
from .lower import Lowering
from .sparse import Tables, eliminate
from .tape import Tape

__all__ = ["Program", "generate"]

CHUNK_LINES = 1000  # of IR; half the compile time of one long function, no slower to run


@dataclass(frozen=True)
class Program:
    """Generated code of a system, states in elimination order.

    Attributes
    ----------
    ir : str
        LLVM IR of ``prepare(params, slots, scratch)``, ``rhs(y, slots, scratch, f)``, which adds to
        ``f``, and ``rhs_jac(y, slots, scratch, f, j)``.
    tables : Tables
        Pattern of Jacobian and factors.
    n_slots : int
        Numbers of a run that are free of the state.
    n_scratch : int
        Values that pass between pieces of a function.
    uses : set of str
        Vector functions that the code calls (``exp``, ``log``).
    work : dict of str to (int, int)
        Multiply-adds and divisions of ``rhs`` and ``rhs_jac`` for one run, without ``exp`` and ``log``.
    """

    ir: str
    tables: Tables
    n_slots: int
    n_scratch: int
    uses: frozenset[str]
    work: dict[str, tuple[int, int]]


@dataclass
class _Chunk:
    """A piece of a function, compiled on its own: the compiler's time grows faster than the length."""

    lines: list[str]
    name: dict[int, str]
    at: dict[int, int]  # line of each named value


class _Writer:
    """Text of one function; every operation is written when it is first needed.

    The function is cut into chunks. A value made in one and used in a later one goes through the
    scratch array ``%t``.
    """

    def __init__(
        self,
        tape: Tape,
        width: int,
        parts: int,
        slots: dict[int, int],
        uses: set[str],
        shared: list[int],
    ) -> None:
        self.tape, self.slots, self.uses, self.shared = tape, slots, uses, shared
        self.vec = f"<{width} x double>"
        self.width, self.parts = width, parts
        self.chunks: list[_Chunk] = []
        self.home: dict[int, _Chunk] = {}
        self.scratch: dict[int, int] = {}
        self.lines: list[str] = []
        self.name: dict[int, str] = {}
        self.count = 0
        self.cut()
        self.hoist = True  # whether what is free of the state is read from its slot

    def cut(self) -> None:
        """Begin a new chunk."""
        if self.chunks:
            self.home |= dict.fromkeys(self.name, self.chunks[-1])
        self.chunks.append(_Chunk([], {}, {}))
        self.lines, self.name = self.chunks[-1].lines, self.chunks[-1].name

    def cut_if_long(self) -> None:
        """Begin a new chunk if this one is long enough."""
        if len(self.lines) > CHUNK_LINES:
            self.cut()

    def line(self, text: str) -> str:
        """Write ``name = text`` and return the name."""
        self.count += 1
        self.lines.append(f"  %v{self.count} = {text}")
        return f"%v{self.count}"

    def number(self, value: float) -> str:
        """Return a vector literal."""
        bits = struct.unpack("<Q", struct.pack("<d", value))[0]
        return "<" + ", ".join([f"double 0x{bits:016X}"] * self.width) + ">"

    def load(self, base: str, i: int) -> str:
        """Read vector ``i`` of ``base``: at each use, since a load folds into its user."""
        at = self.line(f"getelementptr {self.vec}, ptr {base}, i64 {i * self.parts}")
        return self.line(f"load {self.vec}, ptr {at}, align {8 * self.width}")

    def store(self, value: str, base: str, i: int) -> None:
        """Write vector ``i`` of ``base``."""
        at = self.line(f"getelementptr {self.vec}, ptr {base}, i64 {i * self.parts}")
        self.lines.append(f"  store {self.vec} {value}, ptr {at}, align {8 * self.width}")

    def value(self, root: int) -> str:
        """Return the name of operation ``root``, writing what it needs."""
        stack = [root]
        while stack:
            i = stack[-1]
            if i in self.name or self._leaf(i) is not None:
                stack.pop()
                continue
            missing = [a for a in self._needs(i) if a not in self.name and self._leaf(a) is None]
            if missing:
                stack.extend(reversed(missing))
            else:
                self.define(i, self._write(i))
                stack.pop()
        return self._use(root)

    def define(self, i: int, name: str) -> None:
        """Note that the last line written is the value of operation ``i``."""
        self.name[i] = name
        self.chunks[-1].at[i] = len(self.lines) - 1

    def _leaf(self, i: int) -> tuple[str, int] | str | None:
        op, a, _ = self.tape.ops[i]
        if op == "const":
            return self.number(a)
        if op == "state":
            return ("%y", a)
        if self.hoist and not self.tape.live[i]:
            return ("%p", self.slots.setdefault(i, len(self.slots)))
        if op == "param":
            return ("%p", a)
        chunk = self.home.get(i)
        if chunk is None or i in self.name:
            return None
        if i not in self.scratch:
            self.scratch[i] = len(self.scratch)
            # right after the value is made: at the end of the chunk it would have to be kept till then
            lines, self.lines = self.lines, [chunk.lines[chunk.at[i]]]
            self.store(chunk.name[i], "%t", self.scratch[i])
            chunk.lines[chunk.at[i]], self.lines = "\n".join(self.lines), lines
        return ("%t", self.scratch[i])

    def _use(self, i: int) -> str:
        leaf = self._leaf(i)
        return self.name[i] if leaf is None else leaf if isinstance(leaf, str) else self.load(*leaf)

    def _fused(self, i: int) -> int | None:
        """Return the operand of the sum ``i`` that is a product used nowhere else."""
        op, a, b = self.tape.ops[i]
        for x in (b, a) if op in ("add", "sub") else ():
            if self.tape.ops[x][0] == "mul" and self.shared[x] == 1:
                if x not in self.name and self._leaf(x) is None:
                    return x
        return None

    def _needs(self, i: int) -> list[int]:
        op, a, b = self.tape.ops[i]
        if op not in ("add", "sub", "mul"):
            return [a]
        product = self._fused(i)
        return [a, b] if product is None else [b if product == a else a, *self.tape.ops[product][1:]]

    def _write(self, i: int) -> str:
        op, a, b = self.tape.ops[i]
        vec = self.vec
        product = self._fused(i)
        if product is not None:
            _, x, y = self.tape.ops[product]
            x, y, z = self._use(x), self._use(y), self._use(b if product == a else a)
            if op == "sub" and product == b:
                x = self.line(f"fneg {vec} {x}")
            elif op == "sub":
                z = self.line(f"fneg {vec} {z}")
            return self.fma(x, y, z)
        if op in ("add", "sub", "mul"):
            return self.line(f"f{op} {vec} {self._use(a)}, {self._use(b)}")
        x = self._use(a)
        match op:
            case "inverse":
                return self.line(f"fdiv {vec} {self.number(1.0)}, {x}")
            case "neg":
                return self.line(f"fneg {vec} {x}")
            case "pos" | "floor" | "step":
                # a comparison with nan is false, so nan comes through
                least = self.number(b if op == "floor" else 0.0)
                above = self.number(1.0) if op == "step" else x
                below = self.line(f"fcmp olt {vec} {x}, {least}")
                return self.line(f"select <{self.width} x i1> {below}, {vec} {least}, {vec} {above}")
            case "sqrt":
                return self.line(f"call {vec} @llvm.sqrt.v{self.width}f64({vec} {x})")
            case "pow":
                log = self.tape.unary("log", a)
                if log not in self.name and log not in self.home:
                    self.define(log, self.call("log", x))
                return self.call("exp", self.line(f"fmul {vec} {self._use(log)}, {self.number(b)}"))
            case _:
                return self.call(op, x)

    def fma(self, x: str, y: str, z: str) -> str:
        """Write ``x * y + z``."""
        vec = self.vec
        return self.line(f"call {vec} @llvm.fmuladd.v{self.width}f64({vec} {x}, {vec} {y}, {vec} {z})")

    def work(self) -> tuple[int, int]:
        """Return the multiply-adds (or additions, or products) and the divisions written so far."""
        text = "\n".join(line for chunk in self.chunks for line in chunk.lines)
        return len(re.findall(r"= f(?:add|sub|mul) |fmuladd", text)), text.count("= fdiv ")

    def call(self, name: str, x: str) -> str:
        """Write a call of our own ``exp`` or ``log``."""
        self.uses.add(name)
        return self.line(f"call {self.vec} @v{name}{self.width}({self.vec} {x})")

    def function(self, name: str, arguments: str, attributes: str = "#0") -> str:
        """Return the finished function, which calls its chunks one after another."""
        typed = ", ".join(f"ptr noalias {argument}" for argument in arguments.split())
        out = []
        for i, chunk in enumerate(self.chunks):
            body = "\n".join(chunk.lines)
            out.append(f"define internal void @{name}.{i}({typed}) {attributes} {{\n{body}\n  ret void\n}}\n")
        calls = []
        for i in range(len(self.chunks)):
            # all parts of a chunk, one after another: the second finds its instructions close by
            for part in range(self.parts):
                mine = ", ".join(f"ptr {x}.{part}" for x in arguments.split())
                calls.append(f"  call void @{name}.{i}({mine})")
        offsets = [
            f"  {x}.{part} = getelementptr {self.vec}, ptr {x}, i64 {part}"
            for x in arguments.split()
            for part in range(self.parts)
        ]
        body = "\n".join([*offsets, *calls])
        return "\n".join([*out, f"define void @{name}({typed}) #0 {{\n{body}\n  ret void\n}}\n"])


class _Built:
    """Tape of a system: rates, derivatives, pattern."""

    def __init__(self, system: System) -> None:
        tape = self.tape = Tape()
        n = len(system.states)
        env = {state.name: tape.state(i) for i, state in enumerate(system.states)}
        env |= {parameter.name: tape.param(k) for k, parameter in enumerate(system.parameters)}
        rates = [process.rate for process in system.processes]
        lower = Lowering(tape, [*system.assignments.values(), *rates])
        for name, expr in system.assignments.items():
            env[name] = lower(expr, env)
        rate_of = [lower(rate, env) for rate in rates]
        index = system.state_index
        # of each process: the factor free of the state, the slopes of the rest, what it changes
        self.gradients: list[tuple[int, dict[int, int], list[tuple[int, float]]]] = []
        terms: list[list[int]] = [[] for _ in range(n)]
        self.pattern: set[tuple[int, int]] = set()
        for rate, process in zip(rate_of, system.processes, strict=True):
            changes = [(index[state], float(c)) for state, c in process.changes if c]
            for s, c in changes:
                terms[s].append(tape.mul(tape.const(c), rate))
            still, rest = tape.split(rate)
            slopes = {} if rest is None else tape.gradient(rest)
            slopes = {v: d for v, d in slopes.items() if tape.ops[d][:2] != ("const", 0.0)}
            self.gradients.append((tape.const(1.0) if still is None else still, slopes, changes))
            self.pattern |= {(s, v) for s, _ in changes for v in slopes}
        zero = tape.const(0.0)
        self.total = [reduce(tape.add, part) if part else zero for part in terms]
        self.shared = [0] * len(tape.ops)
        roots = [*self.total, *(d for _, slopes, _ in self.gradients for d in slopes.values())]
        for i in roots:
            self.shared[i] += 2
        for i in tape.reach(roots):
            for a in tape.operands(i):
                self.shared[a] += 1


def generate(system: System, width: int, register: int) -> Program:
    """Return the straight-line code of ``system`` for ``width`` runs in a vector.

    Parameters
    ----------
    system : System
    width : int
    register : int
        Runs in a register: the code is written for one and called for each part of a vector.

    Raises
    ------
    KeyError
        If a rate uses a name that is neither state, parameter nor earlier assignment.
    """
    built = _Built(system)
    n = len(system.states)
    tables = eliminate(built.pattern, n, tile_rows())
    place = np.empty(n, dtype=int)
    place[tables.order] = np.arange(n)
    tape = built.tape
    # the code works in elimination order
    tape.ops = [("state", int(place[a]), b) if op == "state" else (op, a, b) for op, a, b in tape.ops]
    slots: dict[int, int] = {}
    uses: set[str] = set()

    def writer() -> _Writer:
        return _Writer(tape, register, width // register, slots, uses, built.shared)

    def totals(target: _Writer, add: bool) -> None:
        for i, state in enumerate(tables.order):
            value = target.value(built.total[state])
            if add:
                value = target.line(f"fadd {target.vec} {value}, {target.load('%f', i)}")
            target.store(value, "%f", i)
            target.cut_if_long()

    rhs = writer()
    totals(rhs, add=True)
    jac = writer()
    _write_jacobian(jac, built, tables, place)
    totals(jac, add=False)
    prepare = writer()
    prepare.hoist = False
    for i, k in list(slots.items()):
        prepare.store(prepare.value(i), "%s", k)
        prepare.cut_if_long()

    text = [
        prepare.function("prepare", "%p %s %t", "#0 noinline optnone"),  # runs once a run
        rhs.function("rhs", "%y %p %t %f"),
        jac.function("rhs_jac", "%y %p %t %f %j"),
    ]
    work = {"rhs": rhs.work(), "rhs_jac": jac.work()}
    n_scratch = max(len(target.scratch) for target in (prepare, rhs, jac))
    return Program("\n".join(text), tables, max(len(slots), 1), max(n_scratch, 1), frozenset(uses), work)


def _write_jacobian(jac: _Writer, built: _Built, tables: Tables, place: np.ndarray) -> None:
    """Add the slopes of each process to the entries they belong to, one process after another.

    The entries live in memory: held in registers they would all be alive through the function.
    """
    n = len(place)
    at: dict[tuple[int, int], int] = {}
    for i in range(n):
        for e in range(tables.j_start[i], tables.j_start[i + 1]):
            at[i, int(tables.j_col[e])] = e
    seen: set[int] = set()
    tape = built.tape
    for still, slopes, changes in built.gradients:
        for v, d in slopes.items() if changes else ():
            by, rest = tape.split(d)
            negative = False
            if rest is not None and tape.ops[rest][0] == "neg":
                negative, rest = True, tape.ops[rest][1]
            by = still if by is None else tape.mul(still, by)
            for s, c in changes:
                e, c = at[int(place[s]), int(place[v])], -c if negative else c
                x = jac.value(by if abs(c) == 1.0 else tape.mul(tape.const(abs(c)), by))
                x = jac.line(f"fneg {jac.vec} {x}") if c < 0.0 else x
                y = jac.number(1.0) if rest is None else jac.value(rest)
                if e in seen:
                    out = jac.fma(x, y, jac.load("%j", e))
                else:
                    out = jac.line(f"fmul {jac.vec} {x}, {y}")
                seen.add(e)
                jac.store(out, "%j", e)
        jac.cut_if_long()
