"""Mean-field engine: a compiled system as machine code, many runs at once."""

from .solve import STATUS, Events, Kernel, Result, compile_system

__all__ = ["STATUS", "Events", "Kernel", "Result", "compile_system"]
