"""Fixed-pattern sparse LU: elimination order, fill, and where the entries are kept.

Elimination fills: after the first states, each of which meets few others, what is left is nearly
full. So the first rows and columns (the head) are sparse, and the last (the tail) are a full matrix
in square tiles, which are loops and no long code.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Tables", "eliminate", "triangle"]

SLOW = 3.0  # time of a multiply-add of the head, in those of one in a tile
SOLVES = 8  # substitutions for each factorisation


@dataclass(frozen=True)
class Tables:
    """Pattern of the Jacobian and of its LU factors, rows and columns in elimination order.

    Attributes
    ----------
    order : ndarray of int, (n,)
        State that is eliminated at each position.
    j_start, j_col : ndarray of int
        Jacobian by rows.
    head : int
        Rows and columns before this one are sparse, the others a full matrix.
    tile : int
        Rows of a tile of the tail, whose size is a multiple of it.
    l_start, l_col : ndarray of int
        Lower factor by rows (all of them), columns of the head alone, without the diagonal.
    u_start, u_col : ndarray of int
        Upper factor by rows (of the head), without the diagonal.
    t_place : ndarray of int
        Where each entry of the tail, by rows, is kept: lower tiles (with those of the diagonal) by
        rows of tiles, then upper tiles by columns of tiles.
    updates, filled : int
        Multiply-adds of one factorisation, and entries of the factors; zeros of the tail not counted.
    """

    order: np.ndarray
    j_start: np.ndarray
    j_col: np.ndarray
    head: int
    tile: int
    l_start: np.ndarray
    l_col: np.ndarray
    u_start: np.ndarray
    u_col: np.ndarray
    t_place: np.ndarray
    updates: int
    filled: int

    @property
    def blocks(self) -> int:
        """Tiles along a side of the tail."""
        return (len(self.order) - self.head) // self.tile


def _min_fill(rows: list[int], n: int) -> list[int]:
    """Return the greedy order with the least new entries at each step (ties: least work, index).

    ``rows[i]`` has bit ``j`` set where entry ``(i, j)`` may be nonzero.
    """
    rows, left, order = list(rows), set(range(n)), []
    columns = [0] * n
    for i, row in enumerate(rows):
        for j in _bits(row):
            columns[j] |= 1 << i
    while left:
        best = None
        for k in left:
            row, others = rows[k] & ~(1 << k), columns[k] & ~(1 << k)
            users = _bits(others)
            fill = sum((row & ~rows[i]).bit_count() for i in users)
            cost = (fill, len(users) * row.bit_count(), k)
            if best is None or cost < best[0]:
                best = (cost, users)
                if cost[:2] == (0, 0):
                    break
        (_, _, k), users = best  # type: ignore[misc]
        gone = ~(1 << k)
        for j in _bits(rows[k] & gone):
            columns[j] |= columns[k]
        for i in users:
            rows[i] |= rows[k]
        left.remove(k)
        for i in left:
            rows[i] &= gone
            columns[i] &= gone
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


def triangle(block: int) -> int:
    """Return how many tiles lie before row ``block`` of a packed triangle."""
    return block * (block + 1) // 2


def _places(blocks: int, tile: int) -> np.ndarray:
    """Return where each entry of the tail is kept, row by row."""
    upper = triangle(blocks)
    size = blocks * tile
    out = np.empty((size, size), dtype=int)
    for i in range(size):
        for j in range(size):
            b, c = i // tile, j // tile
            at = triangle(b) + c if c <= b else upper + triangle(c - 1) + b
            out[i, j] = at * tile * tile + (i % tile) * tile + j % tile
    return out.ravel()


def _tail(upper: list[int], column: list[int], tile: int) -> int:
    """Return the first row of the tail that makes a factorisation and its substitutions cheapest."""
    n = len(upper)
    best, spent, entries = (float("inf"), n), 0.0, 0
    for k in range(n + 1):
        size = n - k
        if size % tile == 0:
            cost = SLOW * (spent + SOLVES * entries) + size**3 / 3 + SOLVES * size**2
            best = min(best, (cost, k))
        if k < n:
            width = upper[k].bit_count()
            spent += width * column[k]
            entries += width + column[k]
    return best[1]


def eliminate(pattern: set[tuple[int, int]], n: int, tile: int = 3) -> Tables:
    """Order the elimination of an ``n`` by ``n`` pattern and lay out its factors.

    Parameters
    ----------
    pattern : set of (int, int)
        Row and column of the entries of the Jacobian; the diagonal is added.
    n : int
        Number of states.
    tile : int
        Rows of a tile.
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
    column = [0] * n
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
        for k in lower[-1]:
            column[k] += 1
        upper.append(row >> (i + 1) << (i + 1))
    head = _tail(upper, column, tile)
    left = [[k for k in row if k < head] for row in lower]
    right = [_bits(row) for row in upper[:head]]
    return Tables(
        order=np.array(order, dtype=int),
        j_start=_starts(jac),
        j_col=_flat(jac),
        head=head,
        tile=tile,
        l_start=_starts(left),
        l_col=_flat(left),
        u_start=_starts(right),
        u_col=_flat(right),
        t_place=_places((n - head) // tile, tile),
        updates=updates,
        filled=sum(map(len, lower)) + sum(row.bit_count() for row in upper) + n,
    )
