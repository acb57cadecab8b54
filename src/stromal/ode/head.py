"""Straight-line LLVM IR of the sparse head of the linear algebra (see `sparse`).

Rows of the head are short and all different: in a loop, finding out where each ends costs more than
its arithmetic. Factors lie in memory as in `linear`: inverse pivots, lower and upper entries by rows,
tail.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from .sparse import Tables

__all__ = ["fmuladd", "head_ir"]

CHUNK_LINES = 1000  # of IR in a function: the compiler's time grows faster than the length


def fmuladd(kind: str) -> str:
    """Return the name of LLVM's multiply-add on a vector, ``<4 x double>`` for one."""
    lanes, _, number = kind.strip("<>").partition(" x ")
    return f"@llvm.fmuladd.v{lanes}f{32 if number == 'float' else 64}"


@dataclass
class _Head:
    """Writer of one precision.

    Attributes
    ----------
    tables : Tables
    lanes : int
        Of a register.
    parts : int
        Registers in a vector of the work space.
    single : bool
        Whether factors are in single precision.
    """

    tables: Tables
    lanes: int
    parts: int
    single: bool

    def __post_init__(self) -> None:
        t = self.tables
        self.n = len(t.order)
        self.reg = f"<{self.lanes} x {'float' if self.single else 'double'}>"
        self.wide = f"<{self.lanes} x double>"
        self.bytes = {self.wide: 8 * self.lanes, self.reg: self.lanes * (4 if self.single else 8)}
        self.low, self.up = self.n, self.n + len(t.l_col)
        self.tail = self.up + len(t.u_col)
        self.lines: list[str] = []
        self.known: dict[int, str] = {}
        self.count = 0

    # -- lines -------------------------------------------------------------------------------

    def line(self, text: str) -> str:
        self.count += 1
        self.lines.append(f"  %v{self.count} = {text}")
        return f"%v{self.count}"

    def load(self, kind: str, base: str, i: int) -> str:
        at = self.line(f"getelementptr {kind}, ptr {base}, i64 {i}")
        return self.line(f"load {kind}, ptr {at}, align {self.bytes[kind]}")

    def store(self, value: str, kind: str, base: str, i: int) -> None:
        at = self.line(f"getelementptr {kind}, ptr {base}, i64 {i}")
        self.lines.append(f"  store {kind} {value}, ptr {at}, align {self.bytes[kind]}")

    def get(self, i: int) -> str:
        """Read an entry of the factors, in their precision."""
        return self.load(self.reg, "%lu", i)

    def put(self, value: str, i: int) -> None:
        """Write an entry of the factors."""
        self.store(value, self.reg, "%lu", i)

    def entry(self, i: int) -> str:
        """Read an entry of the factors in double precision."""
        value = self.get(i)
        return self.line(f"fpext {self.reg} {value} to {self.wide}") if self.single else value

    def read(self, base: str, i: int) -> str:
        """Read a part of a vector of the work space."""
        return self.load(self.wide, base, i * self.parts)

    def rounded(self, base: str, i: int) -> str:
        """Read a part of a vector of the work space in the precision of the factors."""
        value = self.read(base, i)
        return self.line(f"fptrunc {self.wide} {value} to {self.reg}") if self.single else value

    def minus(self, kind: str, x: str, y: str, z: str | None) -> str:
        """Return ``z - x y``; None is zero."""
        x = self.line(f"fneg {kind} {x}")
        if z is None:
            return self.line(f"fmul {kind} {x}, {y}")
        return self.line(f"call {kind} {fmuladd(kind)}({kind} {x}, {kind} {y}, {kind} {z})")

    def number(self, value: str) -> str:
        return "<" + ", ".join([f"{'float' if self.single else 'double'} {value}"] * self.lanes) + ">"

    def function(self, name: str, arguments: str, rows: range, write_row) -> str:
        """Return a function that does all rows, in chunks."""
        typed = ", ".join(f"ptr noalias {x}" for x in arguments.split())
        plain = ", ".join(f"ptr {x}" for x in arguments.split())
        out: list[str] = []
        calls: list[str] = []
        for i in rows:
            write_row(i)
            if len(self.lines) > CHUNK_LINES or i == rows[-1]:
                calls.append(f"{name}.{len(calls)}")
                body = "\n".join(self.lines)
                out.append(f"define internal void @{calls[-1]}({typed}) #0 {{\n{body}\n  ret void\n}}\n")
                self.lines, self.known, self.count = [], {}, 0
        body = "\n".join(f"  call void @{call}({plain})" for call in calls)
        return "\n".join([*out, f"define void @{name}({typed}) #0 {{\n{body}\n  ret void\n}}\n"])

    # -- rows --------------------------------------------------------------------------------

    def factor_row(self, i: int) -> None:
        """Write row ``i`` of the factors, each entry a sum over the pivots before it."""
        t = self.tables
        jac = {int(t.j_col[e]): e for e in range(t.j_start[i], t.j_start[i + 1])}
        lower = {int(t.l_col[e]): e for e in range(t.l_start[i], t.l_start[i + 1])}
        if i < t.head:
            upper = {int(t.u_col[e]): e for e in range(t.u_start[i], t.u_start[i + 1])}
        else:
            upper = dict.fromkeys(range(t.head, self.n), 0)
        factor: dict[int, str] = {}  # by pivot
        for j in sorted({*lower, i, *upper}):
            value = self.line(f"fneg {self.reg} {self.rounded('%j', jac[j])}") if j in jac else None
            if j == i:
                diagonal = self.rounded("%d", 0)
                value = diagonal if value is None else self.line(f"fadd {self.reg} {value}, {diagonal}")
            for k in lower:
                if k < j and (k, j) in self.place:
                    value = self.minus(self.reg, factor[k], self.get(self.up + self.place[k, j]), value)
            value = self.number("0.0") if value is None else value
            if j in lower:
                factor[j] = self.line(f"fmul {self.reg} {value}, {self.get(j)}")
                self.put(factor[j], self.low + lower[j])
            elif i >= t.head:
                size = self.n - t.head
                self.put(value, self.tail + int(t.t_place[(i - t.head) * size + j - t.head]))
            elif j == i:
                self.put(self.line(f"fdiv {self.reg} {self.number('1.0')}, {value}"), i)
            else:
                self.put(value, self.up + upper[j])

    @cached_property
    def place(self) -> dict[tuple[int, int], int]:
        """Place of the entries of the upper factor."""
        t = self.tables
        return {(k, int(t.u_col[e])): e for k in range(t.head) for e in range(t.u_start[k], t.u_start[k + 1])}

    def solved(self, k: int) -> str:
        if k not in self.known:
            self.known[k] = self.load(self.wide, "%row", k)
        return self.known[k]

    def forward_row(self, i: int) -> None:
        """Write row ``i`` of the forward substitution, from ``x`` to ``row``."""
        t = self.tables
        value = self.read("%x", i)
        for e in range(t.l_start[i], t.l_start[i + 1]):
            value = self.minus(self.wide, self.entry(self.low + e), self.solved(int(t.l_col[e])), value)
        self.known[i] = value
        self.store(value, self.wide, "%row", i)

    def back_row(self, i: int) -> None:
        """Write row ``i`` of the back substitution, from ``row`` to ``x``."""
        t = self.tables
        value = self.solved(i)
        if i < t.head:
            for e in range(t.u_start[i], t.u_start[i + 1]):
                value = self.minus(self.wide, self.entry(self.up + e), self.solved(int(t.u_col[e])), value)
            value = self.line(f"fmul {self.wide} {value}, {self.entry(i)}")
            self.known[i] = value
            self.store(value, self.wide, "%row", i)
        self.store(value, self.wide, "%x", i * self.parts)


def head_ir(tables: Tables, lanes: int, parts: int, single: bool) -> str:
    """Return the three functions of one precision.

    They work on one part of the lanes: ``head_factor(j, d, lu)`` makes the factors of the head and
    what is left of the tail, ``head_forward(lu, x, row)`` and ``head_back(lu, row, x)`` substitute.

    Parameters
    ----------
    tables : Tables
    lanes : int
        Of a register.
    parts : int
        Registers in a vector of the work space.
    single : bool
        Whether factors are in single precision; substitutions are in double.
    """
    head = _Head(tables, lanes, parts, single)
    n = len(tables.order)
    return "\n".join([
        head.function("head_factor", "%j %d %lu", range(n), head.factor_row),
        head.function("head_forward", "%lu %x %row", range(n), head.forward_row),
        head.function("head_back", "%lu %row %x", range(n - 1, -1, -1), head.back_row),
    ])  # fmt: skip
