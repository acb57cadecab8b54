"""Fixed-pattern sparse LU: elimination order, fill, and the tables that drive the generated loops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Tables", "eliminate"]

GROUP = 4  # pivots handled in one pass over a row: saves loads and stores of the row


@dataclass(frozen=True)
class Tables:
    """Pattern of the Jacobian and of its LU factors, rows and columns in elimination order.

    Attributes
    ----------
    order : ndarray of int, (n,)
        State that is eliminated at each position.
    j_start, j_col : ndarray of int
        Jacobian by rows.
    l_start, l_col, u_start, u_col : ndarray of int
        Factors by rows, without the diagonal.
    g_start, g_first, g_size : ndarray of int
        For each row, the runs of 1, 2 or 4 consecutive pivots that are subtracted from it; the
        pivots of a run have the same pattern right of the run.
    updates : int
        Multiply-adds of one factorisation.
    """

    order: np.ndarray
    j_start: np.ndarray
    j_col: np.ndarray
    l_start: np.ndarray
    l_col: np.ndarray
    u_start: np.ndarray
    u_col: np.ndarray
    g_start: np.ndarray
    g_first: np.ndarray
    g_size: np.ndarray
    updates: int


def _min_fill(rows: list[int], n: int) -> list[int]:
    """Return the greedy order with the least new entries at each step (ties: least work, index).

    ``rows[i]`` has bit ``j`` set where entry ``(i, j)`` may be nonzero.
    """
    rows, left, order = list(rows), set(range(n)), []
    while left:
        best = None
        for k in left:
            bit, row = 1 << k, rows[k] & ~(1 << k)
            users = [i for i in left if i != k and rows[i] & bit]
            fill = sum((row & ~rows[i]).bit_count() for i in users)
            cost = (fill, len(users) * row.bit_count(), k)
            if best is None or cost < best[0]:
                best = (cost, users)
                if cost[:2] == (0, 0):
                    break
        (_, _, k), users = best  # type: ignore[misc]
        for i in users:
            rows[i] |= rows[k]
        mask = ~(1 << k)
        left.remove(k)
        for i in left:
            rows[i] &= mask
        order.append(k)
    return order


def _bits(x: int) -> list[int]:
    out = []
    while x:
        low = x & -x
        out.append(low.bit_length() - 1)
        x ^= low
    return out


def _starts(parts: list[list[int]]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(int)


def _flat(parts: list[list[int]]) -> np.ndarray:
    return np.array([x for part in parts for x in part], dtype=int)


def _groups(pivots: list[int], upper: list[int]) -> list[tuple[int, int]]:
    """Split the pivots of a row into runs of 4, 2 and 1 with equal patterns to their right."""
    out, at = [], 0
    while at < len(pivots):
        size = 1
        while size < GROUP and at + size < len(pivots):
            k = pivots[at + size - 1]
            # the next pivot follows on, and has all that this one has and no more
            if pivots[at + size] != k + 1 or upper[k] != upper[k + 1] | 1 << (k + 1):
                break
            size += 1
        size = 4 if size >= 4 else 2 if size >= 2 else 1
        out.append((pivots[at], size))
        at += size
    return out


def eliminate(pattern: set[tuple[int, int]], n: int) -> Tables:
    """Order the elimination of an ``n`` by ``n`` pattern and lay out its factors.

    Parameters
    ----------
    pattern : set of (int, int)
        Row and column of the entries of the Jacobian; the diagonal is added.
    n : int
        Number of states.
    """
    rows = [1 << i for i in range(n)]
    for i, j in pattern:
        rows[i] |= 1 << j
    order = _min_fill(rows, n)
    place = {state: position for position, state in enumerate(order)}
    jac: list[list[int]] = [[] for _ in range(n)]
    for i, j in pattern:
        jac[place[i]].append(place[j])
    jac = [sorted(row) for row in jac]

    lower: list[list[int]] = []
    upper: list[int] = []  # right of the diagonal, as bits
    groups: list[list[tuple[int, int]]] = []
    updates = 0
    for i in range(n):
        row = 1 << i
        for j in jac[i]:
            row |= 1 << j
        for k in range(i):
            if row >> k & 1:
                row |= upper[k]
                updates += upper[k].bit_count()
        lower.append(_bits(row & ((1 << i) - 1)))
        groups.append(_groups(lower[-1], upper))
        upper.append(row >> (i + 1) << (i + 1))
    right = [_bits(row) for row in upper]
    return Tables(
        order=np.array(order, dtype=int),
        j_start=_starts(jac),
        j_col=_flat(jac),
        l_start=_starts(lower),
        l_col=_flat(lower),
        u_start=_starts(right),
        u_col=_flat(right),
        g_start=_starts(groups),  # type: ignore[arg-type]
        g_first=np.array([first for part in groups for first, _ in part], dtype=int),
        g_size=np.array([size for part in groups for _, size in part], dtype=int),
        updates=updates,
    )
