"""Hidden units that follow features of a text: found on the first half of it, measured on the second."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charnn.cells.settings import StackSettings
from charnn.engine.units import Unit
from charnn.errors import DataError, SettingError
from charnn.inspection.features import is_flag, measured
from charnn.inspection.reading import NOTHING, Passage, Trace
from charnn.kernels.products import Floats
from charnn.plots.neuron_page import FoundUnit, NeuronPage
from charnn.tasks.lm.trained import TrainedLanguageModel

STATES = ("hidden", "cell")
"""What can be looked at of a unit: its output h, or an lstm's memory cell as tanh(c)."""

LEAST = 4
"""Symbols that a text needs to be halved and compared."""


class Found(NamedTuple):
    """A unit that follows a feature."""

    unit: Unit
    found: float
    """Pearson's correlation on the first half, by which the unit was chosen ..."""
    held_out: float
    """... and on the second half, which had no say in it."""
    auc: float | None
    """On the second half, of a feature that positions have or have not: how often a position that has it has the larger value."""


class Feature(NamedTuple):
    """A feature of the text and the units that follow it, the best first; none where it does not vary on both halves."""

    name: str
    positions: int
    """At so many it is not 0."""
    units: list[Found]


def activations(trace: Trace, stack: StackSettings, state: str = "hidden") -> Floats:
    """(layers, units, time) outputs h, or tanh of the memory cells of an lstm. Raises SettingError for cells that there are not."""
    if state == "cell" and stack.cell != "lstm":
        raise SettingError("state", f"cell is for an lstm, and this model is of {stack.cell} cells; leave it out")
    values = trace.states[0] if state == "hidden" else np.tanh(trace.states[1])
    return np.ascontiguousarray(values.transpose(0, 2, 1))  # (layers, units, time)


def followers(values: Floats, passage: Passage, count: int = 1) -> list[Feature]:
    """Every feature with the `count` units that follow it best, those that are followed best first.

    values: (layers, units, time). Raises DataError for a text that is too short.
    """
    layers, units, time = values.shape
    if time < LEAST:
        raise DataError(f"the text has {time} symbols, too few to find units by; give at least {LEAST}")
    rows = values.reshape(layers * units, time)
    features = measured([passage.pieces[part] for part in passage.texts()])
    table = np.stack(list(features.values()))  # (features, time)
    half = time // 2
    found, held_out = correlations(rows[:, :half], table[:, :half]), correlations(rows[:, half:], table[:, half:])
    results = []
    for number, (name, feature) in enumerate(features.items()):
        best = np.argsort(-np.abs(found[:, number]), kind="stable")[:count]
        chosen = best[np.isfinite(found[best, number]) & np.isfinite(held_out[best, number])].tolist()
        flags = feature[half:] > 0 if is_flag(feature) else None
        areas = [None if flags is None else area_under_curve(rows[place, half:], flags) for place in chosen]
        followed = [
            Found(Unit(place // units + 1, place % units), float(found[place, number]), float(held_out[place, number]), area)
            for place, area in zip(chosen, areas, strict=True)
        ]
        results.append(Feature(name, int(np.count_nonzero(feature)), followed))
    return sorted(results, key=lambda one: -abs(one.units[0].held_out) if one.units else 1)


def correlations(rows: Floats, table: NDArray[np.float64]) -> NDArray[np.float64]:
    """(units, time), (features, time) -> (units, features): Pearson's correlation; NaN where one of the two does not vary."""
    return _standardised(rows) @ _standardised(table).T


def _standardised(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rows of mean 0 and length 1; NaN for one that does not vary."""
    varies = rows.max(1, keepdims=True) > rows.min(1, keepdims=True)
    centred = rows - rows.mean(1, keepdims=True, dtype=np.float64)
    length = np.sqrt(np.einsum("rt,rt->r", centred, centred))[:, None]
    return np.where(varies, centred / np.where(varies, length, 1), np.nan)


def area_under_curve(values: NDArray[np.floating], flags: NDArray[np.bool_]) -> float:
    """Mann and Whitney's share of pairs in which the flagged value is the larger; ties count half."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    flagged = int(flags.sum())
    return float((ranks[flags].sum() - flagged * (flagged + 1) / 2) / (flagged * (len(flags) - flagged)))


def page_of(
    trained: TrainedLanguageModel,
    title: str,
    passage: Passage,
    trace: Trace,
    values: Floats,
    features: Sequence[Feature],
    wanted: Sequence[Unit],
) -> NeuronPage:
    """The page of units over a text."""
    symbol = trained.tokenizer.symbol
    mean = trace.mean_nats()
    loss = "" if mean is None else f", a mean loss of {mean:.3f} nats"
    stack = trained.settings.network.stack.words()
    return NeuronPage(
        title=title,
        note=f"{len(passage):,} symbols, read by a {stack}{loss}. Colours: the value of one unit after each symbol.",
        pieces=passage.symbols(trained.tokenizer),
        following=[None if id == NOTHING else symbol(id) for id in passage.following.tolist()],
        candidates=[[symbol(id) for id in row] for row in trace.candidates.tolist()],
        probabilities=trace.probabilities,
        nats=trace.nats,
        values=values,
        found=[FoundUnit(one.name, one.positions, it.unit, it.held_out, it.auc) for one in features for it in one.units],
        wanted=wanted,
    )
