"""Factorisation and substitution: the full tail as loops over tiles, the sparse head from `head`.

A vector of the work space holds all lanes of a run; the processor's registers may be shorter. The
factors of one register's lanes (a part) are made and kept together, so that they stay in the cache.
"""

from __future__ import annotations

from llvmlite import ir

from .asm import I64, PTR, Asm, new_function, table
from .sparse import Tables, triangle

__all__ = ["Linear", "define_jac_times", "factor_size", "tables_of"]


def factor_size(tables: Tables) -> int:
    """Return how many numbers the factors of one run take."""
    entries = len(tables.l_col) + len(tables.u_col) + len(tables.order)
    return entries + tables.blocks**2 * tables.tile**2


class Linear:
    """Factorisation and substitution in one precision.

    Parameters
    ----------
    module : ir.Module
    tables : Tables
        Pattern.
    vec : ir.VectorType
        All lanes.
    lanes : int
        Of a register.
    single : bool
        Whether the factors are made and kept in single precision. Substitutions are in double.

    Attributes
    ----------
    factor : ir.Function
        ``factor(j, diagonal, lu)``: LU of ``diagonal * I - J``. No pivoting: a pivot that fails
        makes the step fail its error test, and a smaller step makes the diagonal dominant.
    solve : ir.Function
        ``solve(lu, x, row)``: forward and back substitution in place.
    """

    def __init__(
        self, module: ir.Module, tables: Tables, vec: ir.VectorType, lanes: int, single: bool
    ) -> None:
        self.module, self.tables, self.vec = module, tables, vec
        self.n, self.head, self.tile, self.blocks = (
            len(tables.order), tables.head, tables.tile, tables.blocks
        )  # fmt: skip
        self.wide = ir.VectorType(vec.element, lanes)
        self.reg = ir.VectorType(ir.FloatType(), lanes) if single else self.wide
        self.parts = vec.count // self.reg.count
        self.head_part = {
            name: ir.Function(module, ir.FunctionType(ir.VoidType(), [PTR] * 3), f"head_{name}")
            for name in ("factor", "forward", "back")
        }
        self.factor = self.define_factor()
        self.solve = self.define_solve()
        for function in (self.factor, self.solve):  # so that they can be measured, and tested, alone
            function.linkage = "external"
            function.attributes.add("noinline")

    # -- places ------------------------------------------------------------------------------

    def bind(self, a: Asm, lu: ir.Value, part: ir.Value) -> None:
        """Set the addresses of the factors of a part: pivots, both triangles of the head, the tail."""
        self.a, self.b = a, a.b
        at = a.at(lu, a.b.mul(part, I64(factor_size(self.tables))), self.reg)
        sizes = {"inverse": self.n, "low": len(self.tables.l_col), "up": len(self.tables.u_col), "tail": 0}
        self.at: dict[str, ir.Value] = {}
        for name, size in sizes.items():
            self.at[name] = at
            at = a.at(at, size, self.reg)

    def get(self, base: ir.Value, i: ir.Value | int) -> ir.Value:
        """Read one register of the factors, in their precision."""
        return self.a.get(base, i, self.reg)

    def entry(self, base: ir.Value, i: ir.Value | int) -> ir.Value:
        """Read one register of the factors in double precision."""
        value = self.get(base, i)
        return value if self.reg is self.wide else self.b.fpext(value, self.wide)

    def nfma(self, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
        """Return ``z - x * y``."""
        return self.a.nfma(x, y, z)

    # -- factorisation -----------------------------------------------------------------------

    def define_factor(self) -> ir.Function:
        """Factorise the head with what it leaves of the tail, then the tail tile by tile."""
        function, a = new_function(self.module, "factor", ir.VoidType(), [PTR] * 3)
        jac, diagonal, lu = function.args
        with a.loop(0, self.parts) as part:
            self.bind(a, lu, part)
            mine = [a.at(x, part, self.wide) for x in (jac, diagonal)]
            a.b.call(self.head_part["factor"], [*mine, self.at["inverse"]])
            if self.blocks:
                self.factor_tail()
        a.b.ret_void()
        return function

    # -- the tail ----------------------------------------------------------------------------

    def tile_at(self, upper: bool, block: ir.Value, k: ir.Value | int) -> ir.Value:
        """Return the address of tile ``k`` of a row of lower or a column of upper tiles."""
        a, b = self.a, self.b
        before = b.sub(block, I64(1)) if upper else block
        after = b.add(before, I64(1))
        tiles = b.lshr(b.mul(before, after), I64(1))
        skip = triangle(self.blocks) if upper else 0
        tiles = b.add(b.add(tiles, I64(skip)), k if isinstance(k, ir.Value) else I64(k))
        return a.at(self.at["tail"], b.mul(tiles, I64(self.tile**2)), self.reg)

    def tile_values(self, at: ir.Value) -> list[list[ir.Value]]:
        """Read a tile."""
        t = self.tile
        return [[self.get(at, i * t + j) for j in range(t)] for i in range(t)]

    def tile_minus(self, at: ir.Value, left: ir.Value, right: ir.Value, count: ir.Value):
        """Return the tile at ``at`` minus the product of ``count`` tiles on the left and above."""
        a, b, t = self.a, self.b, self.tile
        start = self.tile_values(at)
        test, body, after = (b.append_basic_block(name) for name in ("test", "body", "after"))
        entry = b.block
        b.branch(test)
        b.position_at_end(test)
        k = b.phi(I64)
        k.add_incoming(I64(0), entry)
        cells = [[b.phi(self.reg) for _ in range(t)] for _ in range(t)]
        for i in range(t):
            for j in range(t):
                cells[i][j].add_incoming(start[i][j], entry)
        b.cbranch(b.icmp_signed("<", k, count), body, after)
        b.position_at_end(body)
        first = b.mul(k, I64(t * t))
        x, y = a.at(left, first, self.reg), a.at(right, first, self.reg)
        value: list[list[ir.Value]] = [list(row) for row in cells]
        for m in range(t):
            column = [b.fneg(self.get(x, i * t + m)) for i in range(t)]
            for j in range(t):
                over = self.get(y, m * t + j)
                for i in range(t):
                    value[i][j] = a.fma(column[i], over, value[i][j])
        k.add_incoming(b.add(k, I64(1)), b.block)
        for i in range(t):
            for j in range(t):
                cells[i][j].add_incoming(value[i][j], b.block)
        b.branch(test)
        b.position_at_end(after)
        return [list(row) for row in cells]

    def factor_tail(self) -> None:
        """Factorise the tail, each row and column of tiles from those before it."""
        a, b, t = self.a, self.b, self.tile
        with a.loop(0, self.blocks) as block:
            row, column = self.tile_at(False, block, 0), self.tile_at(True, block, 0)
            with a.loop(0, block) as c:
                pivot = self.tile_at(False, c, c)
                # left of the diagonal: times the inverse of the upper triangle of the pivot's tile
                at = a.at(row, b.mul(c, I64(t * t)), self.reg)
                x = self.tile_minus(at, row, self.tile_at(True, c, 0), c)
                for j in range(t):
                    inverse = self.inverse(c, j)
                    for i in range(t):
                        for m in range(j):
                            x[i][j] = self.nfma(x[i][m], self.get(pivot, m * t + j), x[i][j])
                        x[i][j] = b.fmul(x[i][j], inverse)
                        a.put(x[i][j], at, i * t + j)
                # above the diagonal: times the inverse of the lower triangle
                at = a.at(column, b.mul(c, I64(t * t)), self.reg)
                x = self.tile_minus(at, self.tile_at(False, c, 0), column, c)
                for i in range(t):
                    for j in range(t):
                        for m in range(i):
                            x[i][j] = self.nfma(self.get(pivot, i * t + m), x[m][j], x[i][j])
                        a.put(x[i][j], at, i * t + j)
            at = self.tile_at(False, block, block)
            x = self.tile_minus(at, row, column, block)
            for m in range(t):
                inverse = b.fdiv(a.like(self.reg, 1.0), x[m][m])
                self.put_inverse(inverse, block, m)
                for i in range(m + 1, t):
                    x[i][m] = b.fmul(x[i][m], inverse)
                    for j in range(m + 1, t):
                        x[i][j] = self.nfma(x[i][m], x[m][j], x[i][j])
            for i in range(t):
                for j in range(t):
                    a.put(x[i][j], at, i * t + j)

    def _pivot(self, block: ir.Value, i: int) -> ir.Value:
        return self.b.add(self.b.mul(block, I64(self.tile)), I64(self.head + i))

    def inverse(self, block: ir.Value, i: int) -> ir.Value:
        """Return the inverse of pivot ``i`` of a tile."""
        return self.get(self.at["inverse"], self._pivot(block, i))

    def put_inverse(self, value: ir.Value, block: ir.Value, i: int) -> None:
        """Keep the inverse of pivot ``i`` of a tile."""
        self.a.put(value, self.at["inverse"], self._pivot(block, i))

    # -- substitution ------------------------------------------------------------------------

    def define_solve(self) -> ir.Function:
        """Forward through head and tail, back through tail and head."""
        function, a = new_function(self.module, "solve", ir.VoidType(), [PTR] * 3)
        lu, x, row = function.args
        with a.loop(0, self.parts) as part:
            self.bind(a, lu, part)
            mine, lu_part = a.at(x, part, self.wide), self.at["inverse"]
            a.b.call(self.head_part["forward"], [lu_part, mine, row])
            if self.blocks:
                self.solve_tail(row)
            a.b.call(self.head_part["back"], [lu_part, row, mine])
        a.b.ret_void()
        return function

    def solve_tail(self, x: ir.Value) -> None:
        """Substitute in the tail: lower tiles by rows, upper tiles by columns."""
        a, b, t = self.a, self.b, self.tile
        x = a.at(x, self.head, self.wide)

        def place(block: ir.Value, i: int) -> ir.Value:
            return b.add(b.mul(block, I64(t)), I64(i))

        def row(block: ir.Value, i: int) -> ir.Value:
            return a.get(x, place(block, i), self.wide)

        with a.loop(0, self.blocks) as block:
            sums = self.tile_dot(self.tile_at(False, block, 0), x, block)
            value = [b.fadd(row(block, i), sums[i]) for i in range(t)]
            pivot = self.tile_at(False, block, block)
            for i in range(t):
                for m in range(i):
                    value[i] = self.nfma(self.entry(pivot, i * t + m), value[m], value[i])
                a.put(value[i], x, place(block, i))
        with a.loop(0, self.blocks, -1) as block:
            pivot = self.tile_at(False, block, block)
            value = [row(block, i) for i in range(t)]
            for i in reversed(range(t)):
                for m in range(i + 1, t):
                    value[i] = self.nfma(self.entry(pivot, i * t + m), value[m], value[i])
                value[i] = b.fmul(value[i], self.entry(self.at["inverse"], self._pivot(block, i)))
                a.put(value[i], x, place(block, i))
            negative = [b.fneg(v) for v in value]
            column = self.tile_at(True, block, 0)
            with a.loop(0, block) as c:
                at = a.at(column, b.mul(c, I64(t * t)), self.reg)
                for i in range(t):
                    above = row(c, i)
                    for m in range(t):
                        above = a.fma(negative[m], self.entry(at, i * t + m), above)
                    a.put(above, x, place(c, i))

    def tile_dot(self, row: ir.Value, x: ir.Value, count: ir.Value) -> list[ir.Value]:
        """Return minus the product of ``count`` tiles in a row with ``x``.

        Several sums for each row of a tile: with one, each addition would await the last.
        """
        a, b, t = self.a, self.b, self.tile
        sums = t if self.reg is self.wide else 1  # a sum takes two registers if factors are single
        cells = [[a.local(self.wide) for _ in range(sums)] for _ in range(t)]
        for line in cells:
            for cell in line:
                b.store(a.like(self.wide, 0.0), cell)
        with a.loop(0, count) as k:
            at = a.at(row, b.mul(k, I64(t * t)), self.reg)
            for m in range(t):
                negative = b.fneg(a.get(x, b.add(b.mul(k, I64(t)), I64(m)), self.wide))
                for i in range(t):
                    cell = cells[i][m % sums]
                    old = b.load(cell, typ=self.wide)
                    b.store(a.fma(negative, self.entry(at, i * t + m), old), cell)
        out = []
        for line in cells:
            total = b.load(line[0], typ=self.wide)
            for cell in line[1:]:
                total = b.fadd(total, b.load(cell, typ=self.wide))
            out.append(total)
        return out


def tables_of(module: ir.Module, tables: Tables) -> dict[str, ir.GlobalVariable]:
    """Put the tables into the module."""
    names = "order j_start j_col".split()
    return {name: table(module, name, getattr(tables, name)) for name in names}


def define_jac_times(module: ir.Module, vec: ir.VectorType, tab: dict, n: int) -> ir.Function:
    """Add ``jac_times(j, x, out)``: ``out = -J x``; used at the start and after events only."""
    function, a = new_function(module, "jac_times", ir.VoidType(), [PTR] * 3)
    jac, x, out = function.args
    with a.loop(0, n) as i:
        total = a.local(vec)
        a.b.store(a.like(vec, 0.0), total)
        start = a.index(tab["j_start"], i)
        with a.loop(start, a.index(tab["j_start"], a.b.add(i, I64(1)))) as e:
            value = a.get(x, a.index(tab["j_col"], e), vec)
            a.b.store(a.nfma(a.get(jac, e, vec), value, a.b.load(total, typ=vec)), total)
        a.put(a.b.load(total, typ=vec), out, i)
    a.b.ret_void()
    return function
