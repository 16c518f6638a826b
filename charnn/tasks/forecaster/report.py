"""Results of a forecaster as a person reads them."""

from collections.abc import Mapping, Sequence
from typing import Any

from charnn.plots.letters import figure, grid, trimmed_grid, visible
from charnn.training.card import metrics_table

COLUMNS = {"MAE": "mae", "RMSE": "rmse", "MAPE, %": "mape", "MASE": "mase"}


def validation_table(results: Mapping[str, Any]) -> list[str]:
    """Return the results of the validation part in Markdown, a row for the network and each naive forecast."""
    lines = metrics_table("validation", forecasts(results, results["season"]), COLUMNS)
    return [*lines, "", results["verdict"]] if "verdict" in results else lines


def table(results: dict[str, Any]) -> list[str]:
    """Return a row for the network and each naive forecast, of every target, coverage, and the verdict."""
    lines: list[str] = []
    for name, one in results.get("targets", {"": results}).items():
        rows = forecasts(one, results["season"])
        cells = [[title, *(figure(metrics[key]) for key in COLUMNS.values())] for title, metrics in rows.items()]
        lines += ([name] if name else []) + grid([["", *COLUMNS], *cells])
        covered = (f"{float(fraction):.0%}: {100 * inside:.1f} %" for fraction, inside in one["coverage"].items())
        lines += ["", f"values within the interval for {', for '.join(covered)}", one["verdict"], ""]
    steps = f"{results['horizon']:,} step{'s' if results['horizon'] > 1 else ''} ahead"
    origins = f"{results['origins']:,} origin{'s' if results['origins'] > 1 else ''}"
    return [*lines, f"backtest: {origins}, {steps}"]


def errors_table(worst: Sequence[dict[str, Any]]) -> list[str]:
    """Return a row for each value."""
    rows = [["deviations", "came", "expected", "before it", "column", "time", "where"]]
    for one in worst:
        numbers = [f"{one['deviations']:.2f}", *(figure(one[name]) for name in ("true", "expected", "before"))]
        rows.append([*numbers, visible(one["column"]), visible(one["time"] or ""), one["where"]])
    return trimmed_grid(rows, (4, 5, 6))


def forecasts(results: Mapping[str, Any], season: int | None) -> dict[str, Mapping[str, Any]]:
    """Return the metrics of the network and the naive forecasts by their titles."""
    found = {"network": results, "naive": results["naive"], f"seasonal naive ({season})": results["seasonal_naive"]}
    return {title: metrics for title, metrics in found.items() if metrics}
