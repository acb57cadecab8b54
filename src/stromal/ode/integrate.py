"""The step that all lanes make together, and the decisions about it, as IR.

A lane's numbers depend on that lane alone, so a run gives the same bytes whoever shares the vector.
"""

from __future__ import annotations

from llvmlite import ir

from . import method
from .asm import DOUBLE, I1, I64, Asm
from .sparse import Tables
from .stepper import ARGUMENTS, COLLAPSED, NOT_FINITE, TOO_MANY, Layout, Stepper

__all__ = ["control_ir"]

SAFETY, SHRINK, GROW, SHRINK_NAN = 0.95, 0.2, 6.0, 0.1
ALONE = 4.0  # tolerances by which one state may be off while the mean square over all holds
ORDER = 5.0  # of the error estimate: it falls with h^5
LEAST_STEP = 1e-14  # of time and span: below, a step no longer moves time


def control_ir(tables: Tables, layout: Layout, single: bool) -> str:
    """Return IR with the function ``integrate``; its arguments are ``ARGUMENTS``."""
    loop = _Loop(tables, layout, single)
    loop.define()
    return str(loop.module)


class _Loop(Stepper):
    def define(self) -> None:
        """Add ``integrate``."""
        kinds = [kind for _, kind in ARGUMENTS]
        function = ir.Function(self.module, ir.FunctionType(ir.VoidType(), kinds), "integrate")
        a = self.a = Asm(ir.IRBuilder(function.append_basic_block("entry")))
        self.bind(function, a)
        b, ws, arg = a.b, self.ws, self.arg
        self.end = a.get(arg["times"], b.sub(arg["n_times"], I64(1)))
        self.span = b.fsub(self.end, a.get(arg["times"]))
        self.rtol = self.splat(arg["rtol"])
        with a.loop(0, self.layout.width) as lane:
            a.put(I64(-1), ws["run"], lane)
        top = b.append_basic_block("top")
        b.branch(top)
        b.position_at_end(top)

        active, new, fresh = (self.flag(name) for name in ("active", "new", "fresh"))
        with a.loop(0, self.layout.width) as lane:
            with b.if_then(b.icmp_signed("<", a.get(ws["run"], lane, I64), I64(0))):
                with b.if_then(b.call(self.refill, [*self.args, lane])):
                    b.store(I1(1), new)
            with b.if_then(b.icmp_signed(">=", a.get(ws["run"], lane, I64), I64(0))):
                b.store(I1(1), active)
                with b.if_then(b.icmp_signed("!=", a.get(ws["fresh"], lane, I64), I64(0))):
                    b.store(I1(1), fresh)
        with b.if_then(b.not_(b.load(active, typ=I1))):
            b.ret_void()
        with b.if_then(b.load(new, typ=I1)):
            b.call(self.straight["prepare"], [ws["raw"], ws["slots"], ws["scratch"]])
        b.call(self.straight["rhs_jac"], [ws["y"], ws["slots"], ws["scratch"], ws["f"], ws["jac"]])
        with b.if_then(b.load(fresh, typ=I1)):
            self.first_step()
        with a.loop(0, self.layout.width) as lane:
            self.cut(lane)
        self.stages()
        dense = self.flag("dense")
        with a.loop(0, self.layout.width) as lane:
            self.judge(lane, dense)
        with b.if_then(b.load(dense, typ=I1)):
            self.dense()
        self.advance()
        b.branch(top)

    def splat(self, x: ir.Value) -> ir.Value:
        """Return ``x`` in every lane."""
        b, undefined = self.a.b, ir.Constant(self.vec, ir.Undefined)
        one = b.insert_element(undefined, x, ir.Constant(ir.IntType(32), 0))
        mask = ir.Constant(ir.VectorType(ir.IntType(32), self.vec.count), [0] * self.vec.count)
        return b.shuffle_vector(one, undefined, mask)

    def flag(self, name: str) -> ir.Value:
        """Return a local variable set to false."""
        with self.a.b.goto_entry_block():
            out = self.a.b.alloca(I1, name=name)
        self.a.b.store(I1(0), out)
        return out

    def when(self, lane: ir.Value, name: str):
        """Do what follows if a whole number of the lane is not zero."""
        return self.a.b.if_then(self.a.b.icmp_signed("!=", self.a.get(self.ws[name], lane, I64), I64(0)))

    # -- size of the step --------------------------------------------------------------------

    def norms(self, terms: list[ir.Value], scale_with: ir.Value | None) -> list[ir.Value]:
        """Return the root of the mean square of term / (atol + rtol |y|) over the states.

        But no less than the largest of them over ``ALONE``: many inert states must not soften the test of
        a few. With ``scale_with`` the larger of |y| and |that| is taken.
        """
        a, b, ws = self.a, self.a.b, self.ws
        cells = [(a.local(self.vec), a.local(self.vec)) for _ in terms]
        for cell in cells:
            for x in cell:
                b.store(a.like(self.vec, 0.0), x)
        with a.loop(0, self.n) as i:
            size = a.fabs(a.get(ws["y"], i, self.vec))
            if scale_with is not None:
                size = a.larger(size, a.fabs(a.get(scale_with, i, self.vec)))
            absolute = self.splat(a.get(self.arg["atol"], i))
            weight = b.fdiv(a.like(self.vec, 1.0), a.fma(self.rtol, size, absolute))
            for term, (total, most) in zip(terms, cells, strict=True):
                e = b.fmul(a.get(term, i, self.vec), weight)
                square = b.fmul(e, e)
                b.store(b.fadd(square, b.load(total, typ=self.vec)), total)
                b.store(a.larger(square, b.load(most, typ=self.vec)), most)
        out = []
        for total, most in cells:
            # the mean comes second: it is nan if any is
            alone = b.fmul(b.load(most, typ=self.vec), a.like(self.vec, ALONE**-2))
            mean = b.fmul(b.load(total, typ=self.vec), a.like(self.vec, 1.0 / self.n))
            out.append(b.call(a.intrinsic("llvm.sqrt", self.vec), [a.larger(alone, mean)]))
        return out

    def power(self, x: ir.Value, exponent: float) -> ir.Value:
        """Return ``x ** exponent`` for ``x >= 0``."""
        known = self.module.globals
        log = self.a.b.call(known[f"vlog{self.vec.count}"], [x])
        return self.a.b.call(
            known[f"vexp{self.vec.count}"], [self.a.b.fmul(log, self.a.like(self.vec, exponent))]
        )

    def first_step(self) -> None:
        """Choose the step of lanes that start, or have just had an event.

        Hairer's rule, with the second derivative J f in place of a difference.
        """
        a, b, ws, like = self.a, self.a.b, self.ws, lambda x: self.a.like(self.vec, x)
        b.call(self.jac_times, [ws["jac"], ws["f"], ws["u"]])
        d0, d1, d2 = self.norms([ws["y"], ws["f"], ws["u"]], None)
        still = b.or_(b.fcmp_ordered("<", d0, like(1e-5)), b.fcmp_ordered("<", d1, like(1e-5)))
        h0 = b.select(still, like(1e-6), b.fdiv(b.fmul(like(0.01), d0), d1))
        most = a.larger(d1, d2)
        h1 = self.power(b.fdiv(like(0.01), most), 1.0 / ORDER)
        rest = b.fcmp_ordered("<=", most, like(1e-15))
        h1 = b.select(rest, a.larger(b.fmul(h0, like(1e-3)), like(1e-6)), h1)
        bad = b.fmul(b.fadd(b.fadd(d0, d1), d2), like(0.0))
        a.put(b.fadd(a.smaller(b.fmul(h0, like(100.0)), h1), bad), ws["factor"], 0)
        with a.loop(0, self.layout.width) as lane:
            with self.when(lane, "fresh"):
                a.put(a.get(ws["factor"], lane), ws["h"], lane)
                a.put(I64(0), ws["fresh"], lane)

    def cut(self, lane: ir.Value) -> None:
        """Set the step that is used: not past the next event or the end, no crumb left before it."""
        a, b, ws, arg = self.a, self.a.b, self.ws, self.arg
        run = a.get(ws["run"], lane, I64)
        busy = b.icmp_signed(">=", run, I64(0))
        group = a.get(arg["which"], b.select(busy, run, I64(0)), I64)
        stop = a.smaller(self.event_time(a, group, a.get(ws["ie"], lane, I64)), self.end)
        t, h = a.get(ws["t"], lane), a.get(ws["h"], lane)
        left = b.fsub(stop, t)
        all_of_it = b.fcmp_ordered(">=", b.fmul(h, DOUBLE(1.0 + 1e-9)), left)
        half = b.fmul(left, DOUBLE(0.5))
        used = b.select(b.fcmp_ordered(">", h, half), half, h)
        used = b.select(all_of_it, left, used)
        a.put(b.select(busy, used, DOUBLE(1.0)), ws["used"], lane)
        a.put(b.select(all_of_it, stop, b.fadd(t, used)), ws["t_new"], lane)

    # -- the step ----------------------------------------------------------------------------

    def combine(self, coefficients: list[float], i: ir.Value, start: ir.Value | None) -> ir.Value:
        """Return ``start + sum_j coefficients[j] k_j`` for vector ``i``."""
        a = self.a
        total = start
        for j, c in enumerate(coefficients):
            k = a.get(self.ws[f"k{j}"], i, self.vec)
            factor = a.like(self.vec, c)
            total = a.b.fmul(k, factor) if total is None else a.fma(k, factor, total)
        return total  # type: ignore[return-value]

    def begin_stage(self, s: int, i: ir.Value, per_step: ir.Value) -> None:
        """Set vector ``i`` of where stage ``s`` is evaluated, and of what is added to its right-hand side."""
        a, ws, stage = self.a, self.ws, self.ws[f"k{s}"]
        if s == 0:
            a.put(a.get(ws["f"], i, self.vec), stage, i)
            return
        if s > 1 and method.A[s][:-1] == method.A[s - 1]:
            k = a.get(ws[f"k{s - 1}"], i, self.vec)
            u = a.fma(k, method.A[s][-1], a.get(ws["u"], i, self.vec))
        else:
            u = self.combine(method.A[s], i, a.get(ws["y"], i, self.vec))
        a.put(u, ws["u"], i)
        a.put(a.b.fmul(self.combine(method.C[s], i, None), per_step), stage, i)

    def stages(self) -> None:
        """Make one step of every lane: factors, eight stages, error, factor of the next step."""
        a, b, ws, like = self.a, self.a.b, self.ws, lambda x: self.a.like(self.vec, x)
        per_step = b.fdiv(like(1.0), a.get(ws["used"], 0, self.vec))
        a.put(b.fmul(per_step, like(1.0 / method.GAMMA)), ws["diagonal"], 0)
        b.call(self.factor, [ws[x] for x in ("jac", "diagonal", "lu")])
        for s in range(method.STAGES):
            stage = ws[f"k{s}"]
            with a.loop(0, self.n) as i:
                self.begin_stage(s, i, per_step)
            if s:
                b.call(self.straight["rhs"], [ws["u"], ws["slots"], ws["scratch"], stage])
            b.call(self.solve, [ws["lu"], stage, ws["row"]])
        last = ws[f"k{method.STAGES - 1}"]
        with a.loop(0, self.n) as i:
            a.put(b.fadd(a.get(ws["u"], i, self.vec), a.get(last, i, self.vec)), ws["new"], i)
        (error,) = self.norms([last], ws["new"])
        a.put(error, ws["error"], 0)
        factor = b.fmul(self.power(error, -1.0 / ORDER), like(SAFETY))
        a.put(a.larger(a.smaller(factor, like(GROW)), like(SHRINK)), ws["factor"], 0)

    def judge(self, lane: ir.Value, dense: ir.Value) -> None:
        """Accept or refuse the lane's step and set its next; a lane that cannot go on is closed."""
        a, b, ws = self.a, self.a.b, self.ws
        a.put(I64(0), ws["accept"], lane)
        with b.if_then(b.icmp_signed(">=", a.get(ws["run"], lane, I64), I64(0))):
            a.put(b.add(a.get(ws["count"], lane, I64), I64(1)), ws["count"], lane)
            error, factor = a.get(ws["error"], lane), a.get(ws["factor"], lane)
            used, h = a.get(ws["used"], lane), a.get(ws["h"], lane)
            with b.if_else(b.fcmp_ordered("<=", error, DOUBLE(1.0))) as (good, bad):
                with good:
                    held = b.icmp_signed("!=", a.get(ws["held"], lane, I64), I64(0))
                    ahead = b.fmul(used, b.select(held, a.smaller(factor, DOUBLE(1.0)), factor))
                    # a step cut short by an event or the end says nothing against the planned one
                    short = b.fcmp_ordered("<", used, h)
                    a.put(b.select(short, a.larger(ahead, h), ahead), ws["h"], lane)
                    a.put(I64(0), ws["held"], lane)
                    a.put(I64(1), ws["accept"], lane)
                    with b.if_then(self.output_due(a, lane, "<", a.get(ws["t_new"], lane))):
                        b.store(I1(1), dense)
                with bad:
                    broken = b.fcmp_unordered("uno", error, error)
                    ahead = b.fmul(used, b.select(broken, DOUBLE(SHRINK_NAN), a.smaller(factor, DOUBLE(0.9))))
                    a.put(ahead, ws["h"], lane)
                    a.put(I64(1), ws["held"], lane)
                    least = b.fmul(b.fadd(a.fabs(a.get(ws["t"], lane)), self.span), DOUBLE(LEAST_STEP))
                    with b.if_then(b.not_(b.fcmp_ordered(">", ahead, least))):
                        status = b.select(broken, I64(NOT_FINITE), I64(COLLAPSED))
                        b.call(self.finish, [*self.args, lane, status])
                    self.limit(lane)

    def limit(self, lane: ir.Value) -> None:
        """Close a run that has made too many steps."""
        a, b, ws = self.a, self.a.b, self.ws
        many = b.icmp_signed(">=", a.get(ws["count"], lane, I64), self.arg["max_steps"])
        with b.if_then(b.and_(many, b.icmp_signed(">=", a.get(ws["run"], lane, I64), I64(0)))):
            b.call(self.finish, [*self.args, lane, I64(TOO_MANY)])

    def dense(self) -> None:
        """Prepare the polynomial between old and new."""
        with self.a.loop(0, self.n) as i:
            for m, coefficients in enumerate(method.D, 1):
                self.a.put(self.combine(coefficients, i, None), self.ws[f"d{m}"], i)

    def advance(self) -> None:
        """Write outputs within accepted steps, move on, and do what is due on arrival."""
        a, b, ws = self.a, self.a.b, self.ws
        with a.loop(0, self.layout.width) as lane:
            with self.when(lane, "accept"):
                t, used, t_new = (a.get(ws[x], lane) for x in ("t", "used", "t_new"))
                with a.during(ws["io"], lambda: self.output_due(a, lane, "<", t_new)):
                    at = a.get(self.arg["times"], a.get(ws["io"], lane, I64))
                    b.call(self.write, [*self.args, lane, b.fdiv(b.fsub(at, t), used)])
        whole = ir.VectorType(I64, self.layout.width)
        accepted = b.load(ws["accept"], typ=whole)
        accepted.align = 8 * self.layout.width
        mask = b.icmp_signed("!=", accepted, ir.Constant(whole, [0] * self.layout.width))
        with a.loop(0, self.n) as i:
            a.put(b.select(mask, a.get(ws["new"], i, self.vec), a.get(ws["y"], i, self.vec)), ws["y"], i)
        with a.loop(0, self.layout.width) as lane:
            with self.when(lane, "accept"):
                a.put(a.get(ws["t_new"], lane), ws["t"], lane)
                b.call(self.arrive, [*self.args, lane])
                self.limit(lane)
