"""Small helpers over ``llvmlite.ir``: loops, typed loads, and vector ``exp`` and ``log``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from llvmlite import ir

__all__ = [
    "DOUBLE",
    "I1",
    "I32",
    "I64",
    "PTR",
    "Asm",
    "define_exp",
    "define_log",
    "new_function",
    "table",
    "vectors_ir",
]

DOUBLE, I1, I32, I64 = ir.DoubleType(), ir.IntType(1), ir.IntType(32), ir.IntType(64)
PTR = ir.PointerType()


def new_function(module: ir.Module, name: str, out: ir.Type, args: list[ir.Type]) -> tuple[ir.Function, Asm]:
    """Return a new internal function and a builder at its entry."""
    function = ir.Function(module, ir.FunctionType(out, args), name)
    function.linkage = "internal"
    return function, Asm(ir.IRBuilder(function.append_basic_block("entry")))


def size_of(kind: ir.VectorType) -> int:
    """Return the bytes of a vector, which are also its alignment."""
    return (4 if isinstance(kind.element, ir.FloatType) else 8) * kind.count


def table(module: ir.Module, name: str, values: np.ndarray) -> ir.GlobalVariable:
    """Return a constant table of 32-bit whole numbers."""
    content = [int(x) for x in values] or [0]
    kind = ir.ArrayType(I32, len(content))
    out = ir.GlobalVariable(module, kind, name)
    out.global_constant, out.linkage, out.initializer = True, "internal", ir.Constant(kind, content)
    return out


class Asm:
    """A builder with arithmetic on ``i64``, ``double`` and vectors, loops and local variables."""

    def __init__(self, builder: ir.IRBuilder) -> None:
        self.b = builder

    # -- memory ------------------------------------------------------------------------------

    def at(self, base: ir.Value, i: ir.Value | int, kind: ir.Type = DOUBLE) -> ir.Value:
        """Return the address of element ``i`` of ``base``."""
        return self.b.gep(base, [i if isinstance(i, ir.Value) else I64(i)], source_etype=kind)

    def get(self, base: ir.Value, i: ir.Value | int = 0, kind: ir.Type = DOUBLE) -> ir.Value:
        """Read element ``i`` of ``base``."""
        out = self.b.load(self.at(base, i, kind), typ=kind)
        if isinstance(kind, ir.VectorType):
            out.align = size_of(kind)
        return out

    def put(self, value: ir.Value, base: ir.Value, i: ir.Value | int = 0) -> None:
        """Write element ``i`` of ``base``."""
        out = self.b.store(value, self.at(base, i, value.type))
        if isinstance(value.type, ir.VectorType):
            out.align = size_of(value.type)

    def index(self, base: ir.Value, i: ir.Value | int) -> ir.Value:
        """Read a whole number of a table."""
        return self.b.zext(self.get(base, i, I32), I64)

    def local(self, kind: ir.Type) -> ir.Value:
        """Return a local variable, made at the entry of the function."""
        with self.b.goto_entry_block():
            return self.b.alloca(kind)

    # -- control -----------------------------------------------------------------------------

    @contextmanager
    def loop(self, start: ir.Value | int, stop: ir.Value | int, step: int = 1) -> Iterator[ir.Value]:
        """Run the body for ``start <= i < stop`` (or down to ``start`` if ``step`` is -1)."""
        start, stop = (x if isinstance(x, ir.Value) else I64(x) for x in (start, stop))
        b = self.b
        first, last = (start, stop) if step > 0 else (b.sub(stop, I64(1)), start)
        test, body, after = (b.append_basic_block(name) for name in ("test", "body", "after"))
        entry = b.block
        b.branch(test)
        b.position_at_end(test)
        i = b.phi(I64)
        i.add_incoming(first, entry)
        b.cbranch(b.icmp_signed("<" if step > 0 else ">=", i, last), body, after)
        b.position_at_end(body)
        yield i
        i.add_incoming(b.add(i, I64(step)), b.block)
        b.branch(test)
        b.position_at_end(after)

    @contextmanager
    def during(self, variable: ir.Value, condition) -> Iterator[None]:
        """Run the body while ``condition()`` (code) holds; ``variable`` only documents what changes."""
        b = self.b
        test, body, after = (b.append_basic_block(name) for name in ("test", "body", "after"))
        b.branch(test)
        b.position_at_end(test)
        b.cbranch(condition(), body, after)
        b.position_at_end(body)
        yield
        b.branch(test)
        b.position_at_end(after)

    # -- arithmetic --------------------------------------------------------------------------

    def like(self, kind: ir.Type, value: float) -> ir.Constant:
        """Return ``value`` as a number, or in every lane of a vector."""
        if isinstance(kind, ir.VectorType):
            return ir.Constant(kind, [value] * kind.count)
        return ir.Constant(kind, value)

    def fma(self, x: ir.Value, y: ir.Value | float, z: ir.Value | float) -> ir.Value:
        """Return ``x * y + z``, fused where the machine can."""
        y, z = (v if isinstance(v, ir.Value) else self.like(x.type, v) for v in (y, z))
        return self.b.call(self.intrinsic("llvm.fmuladd", x.type, 3), [x, y, z])

    def nfma(self, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
        """Return ``z - x * y``."""
        return self.fma(self.b.fneg(x), y, z)

    def intrinsic(self, name: str, kind: ir.Type, arity: int = 1) -> ir.Function:
        """Return an intrinsic of one type."""
        bits = "f32" if isinstance(kind, ir.VectorType) and size_of(kind) == 4 * kind.count else "f64"
        suffix = f"v{kind.count}{bits}" if isinstance(kind, ir.VectorType) else bits
        full = f"{name}.{suffix}"
        known = self.b.module.globals.get(full)
        return known or ir.Function(self.b.module, ir.FunctionType(kind, [kind] * arity), full)

    def fabs(self, x: ir.Value) -> ir.Value:
        """Return the magnitude."""
        return self.b.call(self.intrinsic("llvm.fabs", x.type), [x])

    def larger(self, x: ir.Value, y: ir.Value) -> ir.Value:
        """Return the larger; ``y`` if either is nan."""
        return self.b.select(self.b.fcmp_ordered(">", x, y), x, y)

    def smaller(self, x: ir.Value, y: ir.Value) -> ir.Value:
        """Return the smaller; ``y`` if either is nan."""
        return self.b.select(self.b.fcmp_ordered("<", x, y), x, y)


MAGIC = 1.5 * 2.0**52  # adding it rounds to a whole number, found in the low bits
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10


def define_exp(module: ir.Module, vec: ir.VectorType) -> None:
    """Add ``vexp`` and the number of lanes: x = k ln 2 + r, polynomial in r, scaled by 2^k.

    The scaling takes two steps, so that it may over- and underflow. The relative error is under
    2e-16 where the result is a normal number.
    """
    function = ir.Function(module, ir.FunctionType(vec, [vec]), f"vexp{vec.count}")
    a = Asm(ir.IRBuilder(function.append_basic_block("entry")))
    b, whole = a.b, ir.VectorType(I64, vec.count)
    x = function.args[0]
    for sign, bound in (("<", -1000.0), (">", 1000.0)):
        x = b.select(b.fcmp_ordered(sign, x, a.like(vec, bound)), a.like(vec, bound), x)
    magic = a.like(vec, MAGIC)
    shifted = a.fma(x, math.log2(math.e), MAGIC)
    k = b.fsub(shifted, magic)
    r = a.fma(k, -LN2_LOW, a.fma(k, -LN2_HIGH, x))
    out: ir.Value = a.like(vec, 1.0 / math.factorial(13))
    for i in range(12, -1, -1):
        out = a.fma(out, r, 1.0 / math.factorial(i))
    half = a.fma(k, 0.5, MAGIC)
    bias, mantissa = (ir.Constant(whole, [x] * vec.count) for x in (1023, 52))
    bits = [b.bitcast(half, whole), b.bitcast(b.fadd(b.fsub(k, b.fsub(half, magic)), magic), whole)]
    for part in bits:  # 2^part; the magic number's own low bits are zero
        scale = b.shl(b.add(part, bias), mantissa)
        out = b.fmul(out, b.bitcast(scale, vec))
    b.ret(out)


def define_log(module: ir.Module, vec: ir.VectorType) -> None:
    """Add ``vlog`` and the number of lanes: -inf at 0, nan below.

    x = 2^e m with m near 1, series in s = (m-1)/(m+1).
    """
    function = ir.Function(module, ir.FunctionType(vec, [vec]), f"vlog{vec.count}")
    a = Asm(ir.IRBuilder(function.append_basic_block("entry")))
    b, whole = a.b, ir.VectorType(I64, vec.count)

    def integer(value: int) -> ir.Constant:
        return ir.Constant(whole, [value] * vec.count)

    x0 = function.args[0]
    small = b.fcmp_ordered("<", x0, a.like(vec, 2.0**-1022))
    x = b.select(small, b.fmul(x0, a.like(vec, 2.0**54)), x0)
    # taking off the bits of sqrt(1/2) puts m between sqrt(1/2) and sqrt(2)
    offset = 0x3FE6A09E00000000
    bits = b.sub(b.bitcast(x, whole), integer(offset))
    biased = b.lshr(b.add(bits, integer(1024 << 52)), integer(52))  # e + 1024 >= 0
    mantissa = b.add(b.and_(bits, integer((1 << 52) - 1)), integer(offset))
    m = b.bitcast(mantissa, vec)
    e = b.fsub(b.bitcast(b.or_(biased, integer(0x4330000000000000)), vec), a.like(vec, 2.0**52 + 1024.0))
    e = b.select(small, b.fsub(e, a.like(vec, 54.0)), e)
    f = b.fsub(m, a.like(vec, 1.0))
    s = b.fdiv(f, b.fadd(f, a.like(vec, 2.0)))
    z = b.fmul(s, s)
    series: ir.Value = a.like(vec, 2.0 / 25.0)
    for i in range(11, 0, -1):
        series = a.fma(series, z, 2.0 / (2 * i + 1))
    # log m = f - s (f - z series): exact first term
    tail = b.fmul(s, b.fsub(f, b.fmul(z, series)))
    out = a.fma(e, LN2_HIGH, b.fsub(f, a.nfma(e, a.like(vec, LN2_LOW), tail)))
    zero, inf = a.like(vec, 0.0), a.like(vec, math.inf)
    out = b.select(b.fcmp_ordered("==", x0, zero), a.like(vec, -math.inf), out)
    out = b.select(b.fcmp_ordered("<", x0, zero), a.like(vec, math.nan), out)
    b.ret(b.select(b.fcmp_ordered("<", x0, inf), out, x0))


def vectors_ir(count: int) -> str:
    """Return IR with ``vexp`` and ``vlog`` for registers of ``count`` numbers."""
    module, vec = ir.Module("vectors"), ir.VectorType(DOUBLE, count)
    define_exp(module, vec)
    define_log(module, vec)
    return str(module)
