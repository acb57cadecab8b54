"""What kind of claim it is, told from the rules alone: direct, structural or emergent.

The rules and behaviours make a signed graph. A claim compares arms, and arms differ in a few known
ways (product, priming, block ...). If all signed paths from what differs to what is read agree, the
claim is *structural*; if one single rule makes all of them, *direct*; if paths disagree, or the
claim is about rank, size, time, dose, a null or a reversal, *emergent*. Paths of up to three rules
are followed; longer ones hardly ever carry an effect, and nearly always disagree.

Crowding and the competition for touch slots are left out of the graph: they tie every cell to every
other, and would call everything emergent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import networkx as nx

from ..evidence import Evidence
from ..evidence.words import parse_behaviour, parse_chain, parse_limits, parse_signal
from ..experiments.arm import Arm, product_cell
from ..experiments.assay import list_assays, load_assay
from ..experiments.readout import Readout
from ..model.network import BENCH, closure, owner_of, within
from .claims import Claim

__all__ = ["Kind", "bench_cells", "classify", "signed_graph"]

#: Simple paths of more steps than this are not followed, nor more of them than this from one source.
LONGEST, MOST_FOLLOWED = 9, 4000
#: Most rules on a way; once two ways disagree, MOST_WAYS are enough to name the rules involved.
SHORT, MOST_WAYS = 3, 200
ORDERED = ("less", "greater")
TOUCH = "touch"


@dataclass(frozen=True)
class Kind:
    """Kind of a claim, and the rules on the ways from what differs to what is read."""

    name: str
    rules: tuple[str, ...]
    reason: str


def _on_bench(where: tuple[str, ...]) -> bool:
    place = parse_limits(where).get("place", "bench")
    return any(within(bench, place) for bench in BENCH)


def bench_cells(evidence: Evidence) -> frozenset[str]:
    """Return the cells that some shipped assay may hold, and the product."""
    seeds = {cell for cell in evidence.cells if owner_of(cell) == "MSC"}
    for name in list_assays():
        assay = load_assay(name, evidence)
        seeds |= {*assay.main.seed, *(assay.before.seed if assay.before else ())}
    return frozenset(closure(evidence, seeds))


def signed_graph(evidence: Evidence, cells_present: Iterable[str] | None = None) -> nx.MultiDiGraph:
    """Return the graph of all rules and behaviours of a bench; edges carry ``sign`` and ``rule``.

    Parameters
    ----------
    evidence : Evidence
    cells_present : iterable of str, optional
        Cells that may be there (`bench_cells`); all by default.
    """
    graph = nx.MultiDiGraph()
    names = set(evidence.members) | {c.lineage for c in evidence.cells.values()}
    present = frozenset(evidence.cells if cells_present is None else cells_present)

    def lineage(cell: str) -> str:
        return evidence.cells[cell].lineage if cell in evidence.cells else cell

    def cells(name: str) -> tuple[str, ...]:
        found = evidence.members.get(name) or tuple(
            c.name for c in evidence.cells.values() if c.lineage == name
        )
        return tuple(cell for cell in found if cell in present)

    def edge(a: tuple, b: tuple, sign: int, rule: str = "") -> None:
        graph.add_edge(a, b, sign=sign, rule=rule)

    for row in evidence.behaviours:
        action = parse_behaviour(row.behaviour)
        if not _on_bench(row.where) or action.verb == "arrives":
            continue
        if action.verb == "migrates" and not {action.what, action.to} <= set(BENCH):
            continue
        carried = action.verb in ("expresses", "keeps")
        for cell in dict.fromkeys(lineage(c) for c in cells(row.cell)) if carried else cells(row.cell):
            act = ("act", cell, row.behaviour)
            here, what = ("cell", cell), ("mediator", action.what)
            if carried:
                edge(act, ("carried", cell, action.what), 1)
                continue
            edge(here, act, 1)
            if row.scales_with:
                edge(("carried", lineage(cell), row.scales_with), act, 1)
            does: dict[str, list[tuple[tuple, int]]] = {
                "division": [(here, 1)],
                "death": [(here, -1)],
                "becomes": [(here, -1)],
                "secretes": [(what, 1)],
                "takes up": [(what, -1)],
                "converts": [(what, -1), (("mediator", action.to), 1)],
                "migrates": [(here, 1)],
                "engulfs": [(("carried", lineage(cell), "engulfed"), 1)],
                "kills": [],
                "transfers": [],
            }
            for target, sign in does[action.verb]:
                edge(act, target, sign)
            if action.verb in ("becomes", "death") and action.to:
                edge(act, ("cell", action.to), 1)
            for other in cells(action.to) if action.verb in ("engulfs", "kills", "transfers") else ():
                if action.verb != "transfers":
                    edge(act, ("cell", other), -1)
                    edge(("cell", other), act, 1)
                else:
                    edge(act, ("carried", lineage(other), action.what), 1)
    for rule in evidence.rules.values():
        signal = parse_signal(rule.signal, names)
        sign = -1 if rule.effect == "decreases" else 1
        if signal.kind in ("crowding", "damage") or not _on_bench(rule.where):
            continue
        verb = parse_behaviour(rule.behaviour).verb
        targets = cells(rule.cell)
        if verb in ("expresses", "keeps"):
            targets = tuple(dict.fromkeys(lineage(c) for c in targets))
        for cell in targets:
            act = ("act", cell, rule.behaviour)
            if act not in graph:
                continue
            if signal.kind in ("free", "near"):
                edge(("mediator", signal.name), act, sign, rule.id)
            if signal.kind == "self":
                edge(("carried", lineage(cell), signal.name), act, sign, rule.id)
            if signal.kind in ("touch", "near"):
                for other in cells(signal.cell):
                    edge(("cell", other), act, sign, rule.id)
                    if signal.name and signal.kind == "touch":
                        edge(("carried", lineage(other), signal.name), act, sign, rule.id)
                    edge((TOUCH, other), act, sign, rule.id)
    return graph


def classify(claim: Claim, evidence: Evidence, graph: nx.MultiDiGraph) -> Kind:
    """Say what kind of claim it is.

    Parameters
    ----------
    claim : Claim
    evidence : Evidence
    graph : networkx.MultiDiGraph
        From `signed_graph`.
    """
    rules: dict[str, None] = {}
    verdicts = []
    for relation in claim.expect:
        if relation.name == "present":
            continue  # a floor under another relation of the same claim
        if relation.name not in ORDERED:
            verdicts.append(("emergent", f"the claim is about {_ABOUT[relation.name]}"))
        a, b = relation.arms[0], relation.arms[1] if len(relation.arms) > 1 else relation.arms[0]
        kind, on_way = _compare(claim, a, b, evidence, graph)
        rules.update(dict.fromkeys(on_way))
        verdicts.append(kind)
    order = ("emergent", "structural", "direct")
    if not verdicts:
        return Kind("structural", tuple(rules), "a level is there at all")
    name, reason = min(verdicts, key=lambda v: order.index(v[0]))
    return Kind(name, tuple(rules), reason)


_ABOUT = {
    "equal": "a null",
    "equivalent_effect": "size",
    "synergy": "size",
    "abolished": "a reversal",
    "partly": "a reversal",
    "falling": "rank or dose",
    "rising": "rank or dose",
    "absent": "a null",
    "present": "a level",
}


def _compare(
    claim: Claim, a: str, b: str, evidence: Evidence, graph: nx.MultiDiGraph
) -> tuple[tuple[str, str], list[str]]:
    first, second = claim.arms[a], claim.arms[b]
    sources = _differences(first, second, evidence, graph)
    sinks = _sinks(claim.read[a][0], evidence)
    single, signs, rules = _ways(graph, sources, sinks)
    timed = first.msc_day != second.msc_day or claim.read[a][1] != claim.read[b][1]
    if timed or first.species != second.species or first.msc_species != second.msc_species:
        return ("emergent", "the arms differ in time or species"), rules
    if first.product != "none" and second.product != "none" and first.product != second.product:
        return ("emergent", "the claim is about the rank of two products"), rules
    # how much and when is a question only where both arms have a product
    if "none" not in (first.product, second.product) and (
        first.ratio != second.ratio or first.dose != second.dose
    ):
        return ("emergent", "the arms differ in dose"), rules
    if len(signs) > 1:
        return ("emergent", "signed paths disagree"), rules
    if len(single) == 1 and len(rules) == 1:
        return ("direct", f"one rule says it: {single[0]}"), rules
    if not signs:
        return ("structural", "no rule leads from what differs to what is read"), []
    return ("structural", "all signed paths agree"), rules


def _ways(
    graph: nx.MultiDiGraph, sources: list[tuple[tuple, int, str]], sinks: dict[tuple, int]
) -> tuple[list[str], set[int], list[str]]:
    """Return rules that alone lead to a sink, the signs of all ways, and the rules on short ways."""
    single: dict[str, None] = {}
    rules: dict[str, None] = {}
    signs: set[int] = set()
    near = _distances(graph, sinks)
    for source, start, cut in sources:
        for ways, (sign, on_way) in enumerate(_paths(graph, source, sinks, near)):
            # a rule that is cut is the first of its way
            on_way = [cut, *on_way] if cut else on_way
            if len(on_way) > SHORT:
                continue
            signs.add(sign * start)
            rules.update(dict.fromkeys(on_way))
            if len(on_way) == 1:
                single.setdefault(on_way[0])
            if len(signs) > 1 and ways > MOST_WAYS:
                break
    return list(single), signs, list(rules)


def _paths(
    graph: nx.MultiDiGraph, source: tuple, sinks: dict[tuple, int], near: dict[tuple, int]
) -> Iterable[tuple[int, list[str]]]:
    """Yield sign and rules of simple paths from a source to any sink, the shortest first."""
    if source not in graph:
        return
    if source in sinks:
        yield sinks[source], []
    queue: deque[tuple[tuple, int, tuple, tuple[str, ...]]] = deque([(source, 1, (source,), ())])
    followed = 0
    while queue and followed < MOST_FOLLOWED:
        node, sign, path, rules = queue.popleft()
        followed += 1
        if node in sinks and len(path) > 1:
            yield sign * sinks[node], list(rules)
        for nxt, step, rule in _steps(graph, node):
            if near.get(nxt, LONGEST + 1) + len(path) > LONGEST or nxt in path:
                continue
            more = (*rules, rule) if rule else rules
            if len(more) <= SHORT:
                queue.append((nxt, sign * step, (*path, nxt), more))


def _steps(graph: nx.MultiDiGraph, node: tuple) -> list[tuple[tuple, int, str]]:
    """Return where one can go from a node, with sign and rule; kept with the graph, whose views are slow."""
    kept = graph.graph.setdefault("steps", {})
    if node not in kept:
        kept[node] = [(to, d["sign"], d["rule"]) for _, to, d in graph.out_edges(node, data=True)]
    return kept[node]


def _distances(graph: nx.MultiDiGraph, sinks: dict[tuple, int]) -> dict[tuple, int]:
    """Return the least number of steps from each node to a sink."""
    out = {s: 0 for s in sinks if s in graph}
    frontier = list(out)
    while frontier:
        node = frontier.pop(0)
        for before in graph.predecessors(node):
            if before not in out:
                out[before] = out[node] + 1
                frontier.append(before)
    return out


def _sinks(r: Readout, evidence: Evidence) -> dict[tuple, int]:
    members = evidence.members.get(r.a, ()) or tuple(
        c.name for c in evidence.cells.values() if c.lineage == r.a
    )
    match r.form:
        case "count":
            return {("cell", c): 1 for c in members}
        case "share":
            rest = set(evidence.members.get(r.b, ())) - set(members)
            return {("cell", c): 1 for c in members} | {("cell", c): -1 for c in rest}
        case "level":
            return {("mediator", r.a): 1}
        case "expression":
            lineage = evidence.cells[r.a].lineage if r.a in evidence.cells else r.a
            return {("carried", lineage, r.what): 1}
        case "rate":
            return {("act", c, r.what): 1 for c in members}
    verb = r.what or "division"
    return {("act", c, verb): 1 for c in members}


def _differences(a: Arm, b: Arm, evidence: Evidence, graph: nx.MultiDiGraph) -> list[tuple[tuple, int, str]]:
    """Return nodes in which arm a differs from arm b, the sign of the difference, and a rule that is cut."""
    out: list[tuple[tuple, int]] = []
    cuts: list[tuple[tuple, int, str]] = []
    for arm, sign in ((a, 1), (b, -1)):
        other = b if sign == 1 else a
        if arm.product != other.product:
            cell = product_cell(arm, evidence)
            if cell:
                out.append((("cell", cell), sign))
            if "conditioned medium" in arm.product:
                out.append(
                    (("cell", "MSC.apoptotic" if arm.product.startswith("apoptotic") else "MSC"), sign)
                )
            out += [
                (("mediator", i.partition("=")[0].strip()), sign)
                for r in evidence.products
                if r.product == arm.product
                for i in r.add
            ]
            out += _scaled(arm.product, sign, evidence)
        if arm.source != other.source:
            out += _scaled(arm.source, sign, evidence)
        out += [(("mediator", m), sign) for m in arm.add if arm.add.get(m) != other.add.get(m)]
        out += [(("cell", c), sign) for c in arm.seed if arm.seed.get(c) != other.seed.get(c)]
        out += [
            (("carried", *what.rpartition(".")[::2]), sign)
            for what in arm.carried
            if arm.carried.get(what) != other.carried.get(what)
        ]
        for agent in set(arm.priming) - set(other.priming):
            medium = [
                i.partition("=")[0].strip()
                for r in evidence.products
                if r.kind == "priming" and r.product == agent
                for i in r.add
            ]
            for m in medium or [agent]:
                for _, act, data in graph.out_edges(("mediator", m), data=True):
                    if act[1] == "MSC" and act[2].startswith("expresses"):
                        out.append(
                            (("carried", "MSC", act[2].removeprefix("expresses ")), sign * data["sign"])
                        )
        for text in {*arm.block, *arm.knockout} - {*other.block, *other.knockout}:
            cuts += _cut(text, -sign, evidence, graph)
    if a.contact != b.contact:
        out += [
            ((TOUCH, c), 1 if a.contact == "contact" else -1) for c in evidence.cells if c.startswith("MSC")
        ]
    if a.stimulus != b.stimulus:
        out.append((("mediator", "TCR"), 1 if a.stimulus > b.stimulus else -1))
    return list(dict.fromkeys([*((node, sign, "") for node, sign in out), *cuts]))


def _scaled(product: str, sign: int, evidence: Evidence) -> list[tuple[tuple, int]]:
    return [
        (("act", r.cell or "MSC", r.target), sign * (1 if r.factor > 1 else -1))
        for r in evidence.products
        if r.product == product
        and r.factor not in (None, 1.0)
        and r.target not in ("", "*")
        and r.kind != "control"
    ]


def _cut(text: str, sign: int, evidence: Evidence, graph: nx.MultiDiGraph) -> list[tuple[tuple, int, str]]:
    """Return what a block or knock-out lowers: bases by name, rules by the behaviour that they move."""
    name = text.rpartition(":")[0] if text.rpartition(":")[2].replace(".", "", 1).isdigit() else text
    agent = next((b for b in evidence.blocks.values() if name in (b.name, *b.synonyms)), None)
    symbol = (agent.node if agent else name).rpartition(":")[2]
    owner = (agent.owner if agent else "") or (name.rpartition(".")[0] if "." in name and not agent else "")
    if owner:
        symbol = symbol.rpartition(".")[2] if not agent else symbol
    out: list[tuple[tuple, int, str]] = []
    if symbol in evidence.mediators:
        out.append((("mediator", symbol), sign, ""))

    def hit(via: str) -> int:
        """Return 1 if the chain is cut, -1 if it is cut where the signal would: as the signal, 0 if not."""
        cut = [low for n, low in parse_chain(via) if n.symbol == symbol and (not owner or n.owner == owner)]
        return (-1 if cut[-1] else 1) if cut else 0

    for row in evidence.behaviours:
        if hit(row.via):
            cells = evidence.members.get(row.cell, (row.cell,))
            out += [(n, sign, "") for c in cells for n in [("act", c, row.behaviour)] if n in graph]
    for rule in evidence.rules.values():
        if hit(rule.via):
            effect = (-1 if rule.effect == "decreases" else 1) * hit(rule.via)
            moved = sorted({*evidence.members.get(rule.cell, ()), rule.cell})
            out += [
                (n, sign * effect, rule.id) for c in moved for n in [("act", c, rule.behaviour)] if n in graph
            ]
    return out
