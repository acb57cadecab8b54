"""What the machine's multiply-add and divide rates allow, measured here and now."""

from __future__ import annotations

import ctypes
import time

from stromal.ode import Kernel, jit, method
from stromal.ode.emit import compile_objects

__all__ = ["bound_seconds", "rates"]

CHAINS = 10  # independent sums, more than the latency of an operation needs
ROUNDS = 20_000


def _loop(op: str) -> str:
    vec = f"<{jit.register_lanes()} x double>"
    kind = f"@llvm.fma.v{jit.register_lanes()}f64"
    one = "<" + ", ".join(["double 0x3FF0000000000000"] * jit.register_lanes()) + ">"
    lines = [f"declare {vec} {kind}({vec}, {vec}, {vec})", "define void @f(ptr %p, i64 %n) {", "entry:"]
    lines += [f"  %x = load {vec}, ptr %p, align 8", "  br label %loop", "loop:"]
    lines += ["  %i = phi i64 [ 0, %entry ], [ %next, %loop ]"]
    lines += [f"  %a{k} = phi {vec} [ %x, %entry ], [ %b{k}, %loop ]" for k in range(CHAINS)]
    for k in range(CHAINS):
        if op == "fma":
            lines.append(f"  %b{k} = call {vec} {kind}({vec} %a{k}, {vec} %x, {vec} %x)")
        else:
            lines.append(f"  %b{k} = fdiv {vec} {one}, %a{k}")
    lines += ["  %next = add i64 %i, 1", "  %more = icmp ult i64 %next, %n"]
    lines += ["  br i1 %more, label %loop, label %end", "end:"]
    for k in range(CHAINS):
        lines.append(f"  %q{k} = getelementptr {vec}, ptr %p, i64 {k}")
        lines.append(f"  store {vec} %b{k}, ptr %q{k}, align 8")
    return "\n".join([*lines, "  ret void", "}"])


def rates() -> dict[str, float]:
    """Return multiply-adds and divisions a second of one core, in double precision."""
    out = {}
    for op in ("fma", "div"):
        library = jit.Library(compile_objects("", "", _loop(op)))
        call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(library.address("f"))
        numbers = (ctypes.c_double * 128)(*[0.5] * 128)
        best = float("inf")
        for _ in range(30):
            start = time.process_time()
            call(ctypes.addressof(numbers), ROUNDS)
            best = min(best, time.process_time() - start)
        out[op] = CHAINS * ROUNDS * jit.register_lanes() / best
    return out


def bound_seconds(kernel: Kernel, rate: dict[str, float], single: bool) -> float:
    """Return the least time of a step of one run: multiply-adds or divisions, whichever takes longer.

    What is counted is what the method needs: right-hand sides, Jacobian, factorisation and substitutions
    without stored zeros, sums of stages. Factors in single precision
    count half.
    """
    facts = kernel.facts
    n, stages = len(kernel.system.states), method.STAGES
    (rhs, rhs_div), (jac, jac_div) = facts["work"]["rhs"], facts["work"]["rhs_jac"]
    sums = n * sum(map(len, [*method.A[1:6], *method.C])) + n * 8
    adds = (stages - 1) * rhs + jac + sums + stages * facts["filled"]
    adds += facts["updates"] * (0.5 if single else 1.0)
    divisions = (stages - 1) * rhs_div + jac_div + 2 * n
    return max(adds / rate["fma"], divisions / rate["div"])
