"""What the papers say: tables, read and checked, and ways to ask them."""

from .read import Evidence, load_evidence

__all__ = ["Evidence", "load_evidence"]
