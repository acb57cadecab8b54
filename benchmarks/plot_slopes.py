"""Draw how cost grows: ``python -m benchmarks.plot_slopes result.json figure.png``."""

from __future__ import annotations

import json
import sys

import matplotlib.pyplot as plt
import numpy as np


def main() -> None:
    """Draw the points and the fitted slopes of a result of `benchmarks.population`."""
    with open(sys.argv[1], encoding="utf-8") as file:
        found = json.load(file)
    labels = {"patients": "s for all", "states": "s for a step of a run", "rules": "s for a step of a run"}
    figure, axes = plt.subplots(1, 3, figsize=(9, 3), layout="constrained")
    for axis, (what, points) in zip(axes, found["slope_points"].items(), strict=True):
        x, y = np.array(points).T
        axis.loglog(x, y, "o", color="black")
        fit = np.polyfit(np.log(x), np.log(y), 1)
        axis.loglog(x, np.exp(np.polyval(fit, np.log(x))), color="grey")
        axis.set(xlabel="parameters of the rules" if what == "rules" else what, ylabel=labels[what])
        axis.set_title(f"slope {found['slopes'][what]:.2f}")
    figure.savefig(sys.argv[2], dpi=120)


if __name__ == "__main__":
    main()
