"""The integration loop as IR: every lane has its own time, step and run, and is refilled when done.

What a lane does between steps (write outputs, apply events, take the next run) is scalar code on
that lane, here; the step that all lanes make together is in `integrate`.
"""

from __future__ import annotations

from dataclasses import dataclass

from llvmlite import ir

from . import method
from .asm import DOUBLE, I1, I32, I64, PTR, Asm, define_exp, define_log, new_function
from .jit import factor_lanes, register_lanes
from .linear import Linear, define_jac_times, tables_of
from .sparse import Tables

__all__ = ["ARGUMENTS", "Layout", "Stepper"]

# name and type of the arguments of `integrate`
ARGUMENTS = (
    ("work", PTR), ("y0", PTR), ("params", PTR), ("times", PTR), ("n_times", I64),
    ("event_time", PTR), ("event_scale", PTR), ("event_shift", PTR), ("n_events", I64), ("which", PTR),
    ("out", PTR), ("pick", PTR), ("n_pick", I64), ("status", PTR), ("steps", PTR),
    ("atol", PTR), ("floor", PTR), ("rtol", DOUBLE), ("max_steps", I64),
    ("n_runs", I64), ("next_run", PTR), ("stop", PTR),
)  # fmt: skip
OK, COLLAPSED, NOT_FINITE, TOO_MANY = 0, 1, 2, 3


@dataclass(frozen=True)
class Layout:
    """Sizes of a system and the place, in vectors, of each array in the work space."""

    n: int
    n_params: int
    n_slots: int
    n_scratch: int
    n_jac: int
    n_lu: int
    width: int

    def offsets(self) -> dict[str, int]:
        """Return the first vector of each array, and ``size``."""
        n, out, at = self.n, {}, 0
        sizes = {"y": n, "new": n, "u": n, "f": n, "row": n, "error": 1, "diagonal": 1}
        sizes |= {"t": 1, "h": 1, "used": 1, "t_new": 1, "factor": 1, "d1": n, "d2": n, "d3": n}
        # whole numbers of a lane, 8 bytes each: run, next output, next event, steps taken; flags
        sizes |= {"run": 1, "io": 1, "ie": 1, "count": 1, "fresh": 1, "held": 1, "accept": 1}
        sizes |= {f"k{s}": n for s in range(method.STAGES)}
        sizes |= {"raw": self.n_params, "slots": self.n_slots, "scratch": self.n_scratch}
        sizes |= {"jac": self.n_jac, "lu": self.n_lu}
        for name, size in sizes.items():
            out[name] = at
            at += max(size, 1)
        return out | {"size": at}


class Stepper:
    """The functions around a step, in one module.

    Parameters
    ----------
    tables : Tables
        Pattern of the Jacobian and its factors.
    layout : Layout
        Sizes, and places in the work space.
    single : bool
        Whether the factors are in single precision.
    """

    def __init__(self, tables: Tables, layout: Layout, single: bool) -> None:
        self.layout, self.n = layout, layout.n
        self.vec = ir.VectorType(DOUBLE, layout.width)
        self.module = ir.Module("stromal")
        void = ir.VoidType()
        self.straight = {
            name: ir.Function(self.module, ir.FunctionType(void, [PTR] * count), name)
            for name, count in (("prepare", 3), ("rhs", 4), ("rhs_jac", 5))
        }
        for count in sorted({layout.width, min(layout.width, register_lanes())}):
            define_exp(self.module, ir.VectorType(DOUBLE, count))
            define_log(self.module, ir.VectorType(DOUBLE, count))
        self.tab = tables_of(self.module, tables)
        self.jac_times = define_jac_times(self.module, self.vec, self.tab, self.n)
        linear = Linear(self.module, tables, self.vec, factor_lanes(layout.width, single), single)
        self.factor, self.solve = linear.factor, linear.solve
        self.place = layout.offsets()
        self.write = self.define_write()
        self.finish = self.define_finish()
        self.arrive = self.define_arrive()
        self.refill = self.define_refill()

    def begin(self, name: str, out: ir.Type, extra: list[ir.Type]) -> Asm:
        """Start a function that takes the arguments of `integrate` and ``extra``."""
        function, a = new_function(self.module, name, out, [kind for _, kind in ARGUMENTS] + extra)
        self.bind(function, a)
        return a

    def bind(self, function: ir.Function, a: Asm) -> None:
        """Name the arguments of a function, and the arrays in its work space."""
        self.args = list(function.args[: len(ARGUMENTS)])
        self.arg = {key: value for (key, _), value in zip(ARGUMENTS, self.args, strict=True)}
        self.extra = list(function.args[len(ARGUMENTS) :])
        self.ws = {
            name: a.at(self.arg["work"], at, self.vec) for name, at in self.place.items() if name != "size"
        }

    def lane(self, a: Asm, i: ir.Value, lane: ir.Value) -> ir.Value:
        """Return the position of vector ``i`` of a lane, in numbers."""
        return a.b.add(a.b.mul(i, I64(self.layout.width)), lane)

    # -- between steps -----------------------------------------------------------------------

    def define_write(self) -> ir.Function:
        """Add ``write(..., lane, theta)``: one output, at ``theta`` (0 old to 1 new) of the step."""
        a = self.begin("write", ir.VoidType(), [I64, DOUBLE])
        b, ws, arg = a.b, self.ws, self.arg
        lane, theta = self.extra
        run, io = a.get(ws["run"], lane, I64), a.get(ws["io"], lane, I64)
        row = b.mul(b.add(b.mul(run, arg["n_times"]), io), arg["n_pick"])
        back = b.fsub(DOUBLE(1.0), theta)
        at_old = b.fcmp_ordered("==", theta, DOUBLE(0.0))
        with a.loop(0, arg["n_pick"]) as j:
            i = a.get(arg["pick"], j, I64)
            p = self.lane(a, i, lane)
            old, new = a.get(ws["y"], p), a.get(ws["new"], p)
            curve = a.fma(theta, a.fma(theta, a.get(ws["d3"], p), a.get(ws["d2"], p)), a.get(ws["d1"], p))
            inside = a.fma(back, old, b.fmul(theta, a.fma(back, curve, new)))
            value = b.select(at_old, old, inside)
            tiny = b.and_(
                b.fcmp_ordered("<", value, DOUBLE(0.0)), b.fcmp_ordered(">", value, a.get(arg["floor"], i))
            )
            a.put(b.select(tiny, DOUBLE(0.0), value), arg["out"], b.add(row, j))
        a.put(b.add(io, I64(1)), ws["io"], lane)
        b.ret_void()
        return b.function

    def define_arrive(self) -> ir.Function:
        """Add ``arrive(..., lane)``: at the lane's time, apply its events, then write its outputs."""
        a = self.begin("arrive", ir.VoidType(), [I64])
        b, ws, arg = a.b, self.ws, self.arg
        (lane,) = self.extra
        t = a.get(ws["t"], lane)
        group = a.get(arg["which"], a.get(ws["run"], lane, I64), I64)

        def due() -> ir.Value:
            return b.fcmp_ordered("<=", self.event_time(a, group, a.get(ws["ie"], lane, I64)), t)

        with a.during(ws["ie"], due):
            ie = a.get(ws["ie"], lane, I64)
            row = b.mul(b.add(b.mul(group, arg["n_events"]), ie), I64(self.n))
            with a.loop(0, self.n) as i:
                p = self.lane(a, i, lane)
                q = b.add(row, a.index(self.tab["order"], i))
                value = a.fma(a.get(arg["event_scale"], q), a.get(ws["y"], p), a.get(arg["event_shift"], q))
                a.put(value, ws["y"], p)
            a.put(b.add(ie, I64(1)), ws["ie"], lane)
            a.put(I64(1), ws["fresh"], lane)
        with a.during(ws["io"], lambda: self.output_due(a, lane, "<=", t)):
            b.call(self.write, [*self.args, lane, DOUBLE(0.0)])
        with b.if_then(b.icmp_signed(">=", a.get(ws["io"], lane, I64), arg["n_times"])):
            b.call(self.finish, [*self.args, lane, I64(OK)])
        b.ret_void()
        return b.function

    def event_time(self, a: Asm, group: ir.Value, ie: ir.Value) -> ir.Value:
        """Return the time of an event, infinity beyond the last."""
        n_events = self.arg["n_events"]
        some = a.b.icmp_signed("<", ie, n_events)
        at = a.b.select(some, a.b.add(a.b.mul(group, n_events), ie), I64(0))
        # there is always one number to read: an empty table is passed as one infinity
        return a.b.select(some, a.get(self.arg["event_time"], at), DOUBLE(float("inf")))

    def output_due(self, a: Asm, lane: ir.Value, sign: str, t: ir.Value) -> ir.Value:
        """Return whether the lane's next output is before (or at) ``t``."""
        io, n_times = a.get(self.ws["io"], lane, I64), self.arg["n_times"]
        some = a.b.icmp_signed("<", io, n_times)
        at = a.b.select(some, io, I64(0))
        return a.b.and_(some, a.b.fcmp_ordered(sign, a.get(self.arg["times"], at), t))

    def define_finish(self) -> ir.Function:
        """Add ``finish(..., lane, status)``: close a run, fill what it did not reach with nan."""
        a = self.begin("finish", ir.VoidType(), [I64, I64])
        b, ws, arg = a.b, self.ws, self.arg
        lane, status = self.extra
        run = a.get(ws["run"], lane, I64)
        row = b.mul(run, arg["n_times"])
        first = b.mul(b.add(row, a.get(ws["io"], lane, I64)), arg["n_pick"])
        with a.loop(first, b.mul(b.add(row, arg["n_times"]), arg["n_pick"])) as q:
            a.put(DOUBLE(float("nan")), arg["out"], q)
        a.put(b.trunc(status, I32), arg["status"], run)
        a.put(a.get(ws["count"], lane, I64), arg["steps"], run)
        a.put(I64(-1), ws["run"], lane)
        b.ret_void()
        return b.function

    def define_refill(self) -> ir.Function:
        """Add ``refill(..., lane)``: take the next run of the queue; returns whether there was one."""
        a = self.begin("refill", I1, [I64])
        b, ws, arg = a.b, self.ws, self.arg
        (lane,) = self.extra
        stopped = b.load_atomic(arg["stop"], "monotonic", 8, typ=I64)
        run = b.atomic_rmw("add", arg["next_run"], I64(1), "monotonic")
        none = b.or_(b.icmp_signed(">=", run, arg["n_runs"]), b.icmp_signed("!=", stopped, I64(0)))
        with b.if_then(none):
            b.ret(I1(0))
        with a.loop(0, self.n) as i:
            q = b.add(b.mul(run, I64(self.n)), a.index(self.tab["order"], i))
            a.put(a.get(arg["y0"], q), ws["y"], self.lane(a, i, lane))
        n_params = self.layout.n_params
        with a.loop(0, n_params) as k:
            a.put(a.get(arg["params"], b.add(b.mul(run, I64(n_params)), k)), ws["raw"], self.lane(a, k, lane))
        for name, value in (
            ("run", run),
            ("io", I64(0)),
            ("ie", I64(0)),
            ("count", I64(0)),
            ("fresh", I64(1)),
        ):
            a.put(value, ws[name], lane)
        a.put(I64(0), ws["held"], lane)
        a.put(a.get(arg["times"]), ws["t"], lane)
        b.call(self.arrive, [*self.args, lane])
        b.ret(I1(1))
        return b.function
