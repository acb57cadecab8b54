"""Cells, mediators, places and processes: what the tables say as equations, without numerics."""

from .compile import compile_model
from .system import Parameter, Process, State, System

__all__ = ["Parameter", "Process", "State", "System", "compile_model"]
