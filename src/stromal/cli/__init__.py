"""The command line: ``stromal COMMAND``. Science is imported by a command only once it runs."""

from .app import main

__all__ = ["main"]
