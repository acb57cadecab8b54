"""What two systems with equal code have in common: the key of the cache."""

from __future__ import annotations

from ..model.expr import postorder
from ..model.system import System

__all__ = ["canonical"]


def canonical(system: System) -> bytes:
    """Return bytes that are equal for systems with equal code: names of processes etc. are left out."""
    roots = list(system.assignments.values()) + [process.rate for process in system.processes]
    index: dict[int, int] = {}
    lines = [f"{state.name}" for state in system.states] + ["--"]
    lines += [f"{parameter.name}" for parameter in system.parameters] + ["--"]
    for node in postorder(roots):
        index[id(node)] = len(index)
        value = node.value.hex() if isinstance(node.value, float) else node.value
        lines.append(f"{node.op} {value!r} {[index[id(arg)] for arg in node.args]}")
    lines += [f"{name} {index[id(root)]}" for name, root in system.assignments.items()] + ["--"]
    for process in system.processes:
        lines.append(f"{index[id(process.rate)]} {[(s, float(c).hex()) for s, c in process.changes]}")
    return "\n".join(lines).encode()
