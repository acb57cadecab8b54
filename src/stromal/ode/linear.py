"""Loops over the fixed pattern: factorisation, triangular solves, product of Jacobian and vector.

Table-driven loops and not straight-line code: a factorisation of ten thousand multiply-adds would
be half a megabyte of instructions, which run no faster than they can be fetched.
"""

from __future__ import annotations

from llvmlite import ir

from .asm import PTR, Asm, new_function, table
from .sparse import Tables

__all__ = ["define_factor", "define_jac_times", "define_solve", "tables_of"]

_Tab = dict[str, ir.GlobalVariable]


def tables_of(module: ir.Module, tables: Tables) -> _Tab:
    """Put the tables into the module."""
    names = "order j_start j_col l_start l_col u_start u_col g_start g_first g_size".split()
    return {name: table(module, name, getattr(tables, name)) for name in names}


def define_factor(module: ir.Module, vec: ir.VectorType, tab: _Tab, n: int) -> ir.Function:
    """Add ``factor(j, diagonal, low, up, inverse, row)``: LU of ``diagonal * I - J``, row by row.

    A row is spread out in ``row`` (n vectors), the pivots left of the diagonal are subtracted in
    runs of 4, 2 or 1, and the result is gathered. No pivoting: a pivot that fails makes the step
    fail its error test, and a smaller step makes the diagonal dominant.
    """
    function, a = new_function(module, "factor", ir.VoidType(), [PTR, PTR, PTR, PTR, PTR, PTR])
    jac, diagonal, low, up, inverse, row = function.args
    b, zero = a.b, a.like(vec, 0.0)
    with a.loop(0, n) as i:
        i1 = b.add(i, ir.Constant(i.type, 1))
        parts = [(tab[f"{x}_start"], tab[f"{x}_col"], store) for x, store in (("l", low), ("u", up))]
        for start, col, _ in parts:
            with a.loop(a.index(start, i), a.index(start, i1)) as e:
                a.put(zero, row, a.index(col, e))
        a.put(zero, row, i)
        with a.loop(a.index(tab["j_start"], i), a.index(tab["j_start"], i1)) as e:
            a.put(b.fneg(a.get(jac, e, vec)), row, a.index(tab["j_col"], e))
        a.put(b.fadd(a.get(row, i, vec), a.get(diagonal, 0, vec)), row, i)
        with a.loop(a.index(tab["g_start"], i), a.index(tab["g_start"], i1)) as g:
            first, size = a.index(tab["g_first"], g), a.index(tab["g_size"], g)
            after = b.append_basic_block("after")
            default = b.append_basic_block("one")
            switch = b.switch(size, default)
            for count in (1, 2, 4):
                block = default if count == 1 else b.append_basic_block(f"run{count}")
                if count > 1:
                    switch.add_case(count, block)
                b.position_at_end(block)
                _subtract(a, vec, tab, first, count, up, inverse, row)
                b.branch(after)
            b.position_at_end(after)
        for start, col, store in parts:
            with a.loop(a.index(start, i), a.index(start, i1)) as e:
                a.put(a.get(row, a.index(col, e), vec), store, e)
        a.put(b.fdiv(a.like(vec, 1.0), a.get(row, i, vec)), inverse, i)
    b.ret_void()
    return function


def _subtract(a: Asm, vec: ir.VectorType, tab: _Tab, first: ir.Value, count: int, up, inverse, row) -> None:
    b = a.b
    pivots = [b.add(first, ir.Constant(first.type, r)) for r in range(count)]
    starts = [a.index(tab["u_start"], k) for k in pivots]
    stop = a.index(tab["u_start"], b.add(pivots[-1], ir.Constant(first.type, 1)))
    factors: list[ir.Value] = []
    for r, k in enumerate(pivots):
        value = a.get(row, k, vec)
        for q, factor in enumerate(factors):  # pivot k is entry r-q-1 of the row of pivot q
            entry = b.add(starts[q], ir.Constant(first.type, r - q - 1))
            value = a.nfma(factor, a.get(up, entry, vec), value)
        factors.append(b.fmul(value, a.get(inverse, k, vec)))
        a.put(factors[-1], row, k)
    negative = [b.fneg(factor) for factor in factors]
    with a.loop(starts[-1], stop) as e:
        column = a.index(tab["u_col"], e)
        value = a.get(row, column, vec)
        for q, factor in enumerate(negative):
            ahead = b.add(b.sub(e, starts[-1]), b.add(starts[q], ir.Constant(first.type, count - 1 - q)))
            value = a.fma(factor, a.get(up, ahead, vec), value)
        a.put(value, row, column)


def define_solve(module: ir.Module, vec: ir.VectorType, tab: _Tab, n: int) -> ir.Function:
    """Add ``solve(low, up, inverse, x)``: forward and back substitution in place."""
    function, a = new_function(module, "solve", ir.VoidType(), [PTR, PTR, PTR, PTR])
    low, up, inverse, x = function.args
    b = a.b
    for name, factors, step in (("l", low, 1), ("u", up, -1)):
        with a.loop(0, n, step) as i:
            start = a.index(tab[f"{name}_start"], i)
            stop = a.index(tab[f"{name}_start"], b.add(i, ir.Constant(i.type, 1)))
            value = _dot(a, vec, start, stop, factors, x, tab[f"{name}_col"], a.get(x, i, vec))
            a.put(value if step == 1 else b.fmul(value, a.get(inverse, i, vec)), x, i)
    b.ret_void()
    return function


def _dot(a: Asm, vec, start, stop, left, x, col, value: ir.Value) -> ir.Value:
    """Return ``value - sum(left[e] * x[col[e]])``, in two sums so that one need not await the other."""
    b = a.b
    one, two = ir.Constant(start.type, 1), ir.Constant(start.type, 2)
    test, body, odd, last, after = (b.append_basic_block(s) for s in ("test", "body", "odd", "last", "after"))
    entry = b.block
    b.branch(test)
    b.position_at_end(test)
    e, s0, s1 = b.phi(start.type), b.phi(vec), b.phi(vec)
    for phi, first in ((e, start), (s0, value), (s1, a.like(vec, 0.0))):
        phi.add_incoming(first, entry)
    following = b.add(e, one)
    b.cbranch(b.icmp_signed("<", following, stop), body, odd)
    b.position_at_end(body)
    t0 = a.nfma(a.get(left, e, vec), a.get(x, a.index(col, e), vec), s0)
    t1 = a.nfma(a.get(left, following, vec), a.get(x, a.index(col, following), vec), s1)
    for phi, value_next in ((e, b.add(e, two)), (s0, t0), (s1, t1)):
        phi.add_incoming(value_next, b.block)
    b.branch(test)
    b.position_at_end(odd)
    total = b.fadd(s0, s1)
    b.cbranch(b.icmp_signed("<", e, stop), last, after)
    b.position_at_end(last)
    rest = a.nfma(a.get(left, e, vec), a.get(x, a.index(col, e), vec), total)
    b.branch(after)
    b.position_at_end(after)
    out = b.phi(vec)
    out.add_incoming(total, odd)
    out.add_incoming(rest, last)
    return out


def define_jac_times(module: ir.Module, vec: ir.VectorType, tab: _Tab, n: int) -> ir.Function:
    """Add ``jac_times(j, x, out)``: ``out = -J x``."""
    function, a = new_function(module, "jac_times", ir.VoidType(), [PTR, PTR, PTR])
    jac, x, out = function.args
    with a.loop(0, n) as i:
        start = a.index(tab["j_start"], i)
        stop = a.index(tab["j_start"], a.b.add(i, ir.Constant(i.type, 1)))
        a.put(_dot(a, vec, start, stop, jac, x, tab["j_col"], a.like(vec, 0.0)), out, i)
    a.b.ret_void()
    return function
