"""Straight-line LLVM IR of the sparse head of the linear algebra (see `sparse`).

Rows of the head are short and all different: in a loop, finding out where each ends costs more than
its arithmetic. Factors lie in memory as in `linear`: inverse pivots, lower and upper entries by rows,
tail.
"""

from __future__ import annotations

from dataclasses import dataclass

from .sparse import Tables

__all__ = ["head_ir"]

CHUNK_LINES = 1000  # of IR in a function: the compiler's time grows faster than the length


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

    def get(self, base: str, i: int) -> str:
        at = self.line(f"getelementptr {self.reg}, ptr {base}, i64 {i}")
        return self.line(f"load {self.reg}, ptr {at}, align {self.lanes * (4 if self.single else 8)}")

    def put(self, value: str, base: str, i: int) -> None:
        at = self.line(f"getelementptr {self.reg}, ptr {base}, i64 {i}")
        self.lines.append(
            f"  store {self.reg} {value}, ptr {at}, align {self.lanes * (4 if self.single else 8)}"
        )

    def read(self, base: str, i: int) -> str:
        """Read a part of a vector in double precision."""
        at = self.line(f"getelementptr {self.wide}, ptr {base}, i64 {i * self.parts}")
        value = self.line(f"load {self.wide}, ptr {at}, align {8 * self.lanes}")
        return self.line(f"fptrunc {self.wide} {value} to {self.reg}") if self.single else value

    def write(self, value: str, base: str, i: int) -> None:
        """Write a part of a vector in double precision."""
        if self.single:
            value = self.line(f"fpext {self.reg} {value} to {self.wide}")
        at = self.line(f"getelementptr {self.wide}, ptr {base}, i64 {i * self.parts}")
        self.lines.append(f"  store {self.wide} {value}, ptr {at}, align {8 * self.lanes}")

    def minus(self, x: str, y: str, z: str | None) -> str:
        """Return ``z - x y``; None is zero."""
        x = self.line(f"fneg {self.reg} {x}")
        if z is None:
            return self.line(f"fmul {self.reg} {x}, {y}")
        kind = f"v{self.lanes}f{32 if self.single else 64}"
        return self.line(
            f"call {self.reg} @llvm.fmuladd.{kind}({self.reg} {x}, {self.reg} {y}, {self.reg} {z})"
        )

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
            value = self.line(f"fneg {self.reg} {self.read('%j', jac[j])}") if j in jac else None
            if j == i:
                diagonal = self.read("%d", 0)
                value = diagonal if value is None else self.line(f"fadd {self.reg} {value}, {diagonal}")
            for k in lower:
                if k < j and (k, j) in self.entry:
                    value = self.minus(factor[k], self.get("%lu", self.up + self.entry[k, j]), value)
            value = self.number("0.0") if value is None else value
            if j in lower:
                factor[j] = self.line(f"fmul {self.reg} {value}, {self.get('%lu', j)}")
                self.put(factor[j], "%lu", self.low + lower[j])
            elif i >= t.head:
                size = self.n - t.head
                self.put(value, "%lu", self.tail + int(t.t_place[(i - t.head) * size + j - t.head]))
            elif j == i:
                self.put(self.line(f"fdiv {self.reg} {self.number('1.0')}, {value}"), "%lu", i)
            else:
                self.put(value, "%lu", self.up + upper[j])

    @property
    def entry(self) -> dict[tuple[int, int], int]:
        """Place of the entries of the upper factor."""
        if not hasattr(self, "_entry"):
            t = self.tables
            self._entry = {
                (k, int(t.u_col[e])): e for k in range(t.head) for e in range(t.u_start[k], t.u_start[k + 1])
            }
        return self._entry

    def solved(self, k: int) -> str:
        if k not in self.known:
            self.known[k] = self.get("%row", k)
        return self.known[k]

    def forward_row(self, i: int) -> None:
        """Write row ``i`` of the forward substitution, from ``x`` to ``row``."""
        t = self.tables
        value = self.read("%x", i)
        for e in range(t.l_start[i], t.l_start[i + 1]):
            value = self.minus(self.get("%lu", self.low + e), self.solved(int(t.l_col[e])), value)
        self.known[i] = value
        self.put(value, "%row", i)

    def back_row(self, i: int) -> None:
        """Write row ``i`` of the back substitution, from ``row`` to ``x``."""
        t = self.tables
        value = self.solved(i)
        if i < t.head:
            for e in range(t.u_start[i], t.u_start[i + 1]):
                value = self.minus(self.get("%lu", self.up + e), self.solved(int(t.u_col[e])), value)
            value = self.line(f"fmul {self.reg} {value}, {self.get('%lu', i)}")
            self.known[i] = value
            self.put(value, "%row", i)
        self.write(value, "%x", i)


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
        Precision of the factors.
    """
    head = _Head(tables, lanes, parts, single)
    n = len(tables.order)
    kind = f"llvm.fmuladd.v{lanes}f{32 if single else 64}"
    declare = f"declare {head.reg} @{kind}({head.reg}, {head.reg}, {head.reg})" if single else ""
    return "\n".join([
        declare,
        head.function("head_factor", "%j %d %lu", range(n), head.factor_row),
        head.function("head_forward", "%lu %x %row", range(n), head.forward_row),
        head.function("head_back", "%lu %row %x", range(n - 1, -1, -1), head.back_row),
    ])  # fmt: skip
