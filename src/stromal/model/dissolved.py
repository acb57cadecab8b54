"""What is dissolved: how it is lost, resupplied, and passes between places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .expr import Expr, const, pos, sym
from .network import Network
from .numbers import Numbers
from .signals import level_name
from .system import Process, State

__all__ = ["Dissolved"]

#: Exchange between well and insert over diffusion, 1/um^2: assumed, 1 mm of still medium and 2 mm of height.
MEMBRANE = 5e-7
#: The route by which what is in the blood gets to organs.
BY_BLOOD = "IV"


@dataclass(frozen=True)
class Dissolved:
    """Processes of mediators that no cell takes part in.

    Attributes
    ----------
    network, numbers
        What is there, and its parameters.
    states : dict of str to State
        Those declared by the time processes are asked for.
    assignments : dict of str to Expr
        Named quantities of the system, extended as they are needed.
    """

    network: Network
    numbers: Numbers
    states: Mapping[str, State]
    assignments: dict[str, Expr]

    def levels(self, place: str) -> list[str]:
        """Return the mediators that have a level in a place."""
        return [name for name in self.network.mediators if place in self.network.levels[name]]

    def losses(self, place: str) -> Iterable[Process]:
        """Return loss and resupply in a place."""
        for name in self.levels(place):
            loss = self.numbers.loss(name, place)
            if loss.op == "const" or self.network.evidence.mediators[name].quasi_steady:
                continue
            label = level_name(place, name)
            row = self.numbers.kinetics(name, place)
            left = const(1.0)
            if place == "blood":
                shares = self._shares(name)
                left = 1.0 - sum(shares.values(), const(0.0))
                for organ, share in shares.items():
                    volumes = self.network.places["blood"] / self.network.places[organ]
                    yield Process(
                        f"{label}:to {organ}",
                        loss * share * sym(label),
                        ((label, -1.0), (level_name(organ, name), volumes)),
                        name,
                        "exchange",
                        refs=row.refs,
                    )
            yield Process(
                f"{label}:loss", loss * left * sym(label), ((label, -1.0),), name, "loss", refs=row.refs
            )
            fresh = self.numbers.fresh(name, place)
            if self.network.is_body and fresh.op != "const":
                # an organ is resupplied: what is there at rest comes back at the rate of its loss
                yield Process(f"{label}:supply", loss * fresh, ((label, 1.0),), name, "supply", refs=row.refs)

    def _shares(self, name: str) -> dict[str, Expr]:
        """Return the share of what the blood loses that is found again in each organ with a level of it.

        What has a route of its own is not destroyed in the blood but taken out by organs, in the shares
        that a dose into a vein has. The rest is in organs where nobody senses it.
        """
        rows = self.numbers.route(BY_BLOOD, self.network.evidence.mediators[name].kind)
        weights = {row.place: weight for row, weight in rows if row.place != "blood"}
        if not weights:
            return {}
        what = rows[0][0].what
        total = f"share:{BY_BLOOD}:{what}:all"
        whole = sum(weights.values(), const(0.0))
        sizes = {p: self.numbers.size(p, v) for p, v in self.network.places.items() if p != "rest"}
        if any(size != 1.0 for size in sizes.values()):
            # an organ takes its share by its size; what a small one leaves goes to the rest of the body
            weights = {p: w * sizes[p] for p, w in weights.items() if p in sizes}
            taken = sum(weights.values(), const(0.0))
            whole = taken + pos(whole - taken)
        found = {}
        for organ in self.network.places:
            if organ in weights and level_name(organ, name) in self.states:
                self.assignments.setdefault(total, whole)
                share = f"share:{BY_BLOOD}:{what}:{organ}"
                self.assignments.setdefault(share, weights[organ] / sym(total))
                found[organ] = sym(share)
        return found

    def exchange(self) -> Iterable[Process]:
        """Return what passes between places: through a membrane on the bench, by the blood in a body."""
        if self.network.is_body:
            yield from self._washout()
        if "insert" not in self.network.places:
            return
        well, insert = next(iter(self.network.places)), "insert"
        ratio = self.network.places[insert] / self.network.places[well]
        for name in self.network.mediators:
            if self.network.evidence.mediators[name].quasi_steady:
                continue
            row = self.numbers.kinetics(name, well)
            if row is None or row.diffusion is None:
                continue
            speed = self.numbers.diffusion(name, well) * self.numbers.geometry(
                "membrane:conductance", MEMBRANE, "1/um^2"
            )
            a, b = level_name(insert, name), level_name(well, name)
            yield Process(
                f"{name}:crosses the membrane",
                speed * (sym(a) - sym(b)),
                ((a, -1.0), (b, ratio)),
                name,
                "exchange",
                signed=True,
            )

    def _washout(self) -> Iterable[Process]:
        """Let what an organ and the blood hold of a mediator even out at the rate of the organ."""
        for place, volume in self.network.places.items():
            row = self.network.evidence.places.get((place, self.numbers.species))
            if place == "blood" or row is None or not row.washout:
                continue
            speed = self.numbers.washout(row)
            for name in self.levels(place):
                a, b = level_name(place, name), level_name("blood", name)
                if b in self.states and not self.network.evidence.mediators[name].quasi_steady:
                    changes = ((a, -1.0), (b, volume / self.network.places["blood"]))
                    yield Process(
                        f"{a}:blood", speed * (sym(a) - sym(b)), changes, name, "exchange", signed=True
                    )
