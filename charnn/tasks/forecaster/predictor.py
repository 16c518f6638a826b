"""Predictions of a network over a series: after every value, ahead by feeding predictions back, and by sample paths."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor

from charnn.cells.layer import State
from charnn.cells.rowwise import reading
from charnn.data.series import Series
from charnn.data.times import Clock
from charnn.errors import DataError, SettingError
from charnn.metrics.forecasting import interval
from charnn.tasks.forecaster.network import ForecasterNetwork
from charnn.tasks.forecaster.scaling import Floats, Scaling
from charnn.tasks.forecaster.settings import QUANTILES

CHUNK = 4096  # Values read at once; it changes no result
PATHS = 1000  # Sample paths of a forecast's interval
MOST_DRAWN = 100_000_000  # Most random numbers for the sample paths of one forecast


@dataclass(frozen=True, eq=False)
class Moment:
    """The state after reading some series: the outputs for the next values, and what is needed to continue."""

    outputs: Floats  # (batch, horizon, columns, outputs)
    state: State
    recent: Floats  # (batch, lag + 1, columns) last levels

    def pick(self, rows: NDArray[np.int64]) -> "Moment":
        """Return the moments of these rows; a row may occur several times."""
        return Moment(self.outputs[rows], tuple(part[:, rows] for part in self.state), self.recent[rows])


def expected(outputs: Floats) -> Floats:
    """(..., outputs) -> (...): the median of the quantiles, or the only output."""
    middle: Floats = outputs[..., outputs.shape[-1] // 2]
    return middle


@dataclass(frozen=True, eq=False)
class Predictor:
    """A network with its scales and, where it reads times, their clock."""

    network: ForecasterNetwork
    scaling: Scaling
    clock: Clock | None

    def features(self, series: Series, later: int) -> Floats:
        """Return the (time + later, features) of a series' times and of `later` times after them."""
        if self.clock is None or series.times is None:
            return np.zeros((len(series) + later, 0))
        return self.features_of([*series.times, *(self.clock.after(series.times[-1], step) for step in range(1, later + 1))])

    def features_of(self, times: Sequence[str]) -> Floats:
        """Return (times, features): Fourier features, sine and cosine of the place in month, week and day; none without a clock."""
        found: list[Any] = [] if self.clock is None else self.clock.time_features(times)
        return np.array(found, np.float64).reshape(len(times), feature_count(self.clock))

    def inputs(self, levels: Floats, features: Floats) -> NDArray[np.float32]:
        """(time, columns) levels and (time + 1, features) -> (time - lost, inputs): each value with the time features of the next."""
        return np.concatenate([self.scaling.inputs(levels), features[self.scaling.lost + 1 :].astype(np.float32)], 1)

    @reading()
    def outputs(self, levels: Floats, features: Floats) -> Floats:
        """(time, columns) levels, (time + 1, features) -> (time - lost, horizon, columns, outputs) after each value."""
        inputs = self._tensor(self.inputs(levels, features))
        parts, state = [], None
        for begin in range(0, len(inputs), CHUNK):
            outputs, state = self.network(inputs[None, begin : begin + CHUNK], state)
            parts.append(_numbers(outputs[0]))
        return np.concatenate(parts)

    def outputs_from(self, levels: Floats, features: Floats, first: int) -> tuple[Floats, Floats]:
        """Return (values, horizon, columns, outputs) before each value from `first` on, and the (values, lag, columns) levels before."""
        lag = self.scaling.lag
        outputs = self.outputs(levels, features)[first - 1 - self.scaling.lost : -1]
        return outputs, sliding_window_view(levels, lag, 0).swapaxes(1, 2)[first - lag : len(levels) - lag]

    def next_values(self, outputs: Floats, recent: Floats) -> Floats:
        """(values, horizon, columns, outputs), (values, lag, columns) -> (values, columns) predictions of each value from those before."""
        return self.scaling.values(self.scaling.ahead(expected(outputs), recent))[:, 0]

    @reading()
    def walk(self, levels: Floats, features: Floats, stops: Sequence[int]) -> Moment:
        """Read (time, columns) levels, and return the moments after each of the rising numbers of values as one batch."""
        lost, depth = self.scaling.lost, self.scaling.lag + 1
        assert all(stop > lost for stop in stops)
        inputs = self._tensor(self.inputs(levels[: stops[-1]], features[: stops[-1] + 1]))
        found, states, state, done = [], [], None, 0
        for stop in stops:
            for begin in range(done, stop - lost, CHUNK):
                outputs, state = self.network(inputs[None, begin : min(begin + CHUNK, stop - lost)], state)
            done = stop - lost
            assert state is not None
            found.append(_numbers(outputs[:, -1]))
            states.append(state)
        padded = np.concatenate([np.repeat(levels[:1], depth, 0), levels])
        recent = np.stack([padded[stop : stop + depth] for stop in stops])
        return Moment(np.concatenate(found), tuple(torch.cat(parts, 1) for parts in zip(*states, strict=True)), recent)

    @reading()
    def step(self, moment: Moment, levels: Floats, features: Floats) -> Moment:
        """Read one more (batch, columns) level of each series, with the (batch or 1, features) of the time after it."""
        recent = np.concatenate([moment.recent[:, 1:], levels[:, None]], 1)
        read = self.scaling.next_input(recent)
        times = np.broadcast_to(features.astype(np.float32), (len(read), feature_count(self.clock)))
        outputs, state = self.network(self._tensor(np.concatenate([read, times], 1)[:, None]), moment.state)
        return Moment(_numbers(outputs[:, -1]), state, recent)

    def ahead(self, moment: Moment, features: Floats, steps: int, choose: Callable[[Floats], Floats] = expected) -> Floats:
        """Return (batch, steps, columns) next levels, `horizon` of them at once, fed back for the further ones.

        features: (batch or 1, steps, features) of the times after each of these levels. choose: outputs -> predictions.
        """
        found: list[Floats] = []
        done = 0
        while True:
            block = self.scaling.ahead(choose(moment.outputs), moment.recent)[:, : steps - done]  # (batch, at most horizon, columns)
            found.append(block)
            done += block.shape[1]
            if done == steps:
                return np.concatenate(found, 1)
            for offset in range(block.shape[1]):
                moment = self.step(moment, block[:, offset], features[:, done - block.shape[1] + offset])

    def paths(self, residuals: Floats, moment: Moment, features: Floats, steps: int, *, count: int, seed: int) -> Floats:
        """Return (batch, count, steps, columns) values of sample paths; features: (batch, steps, features) of the times after each."""
        random, rows = np.random.default_rng(seed), np.repeat(np.arange(len(moment.outputs)), count)
        levels = self.ahead(moment.pick(rows), features[rows], steps, lambda outputs: draw(outputs, residuals, count, random))
        return self.scaling.values(levels).reshape(len(moment.outputs), count, steps, -1)

    def check_length(self, known: int, last: int) -> None:
        """Raise DataError where fewer values are known, before the `last` ones if any, than the model needs."""
        least = self.scaling.lost + 1
        if known < least:
            where = f"before the last {last:,}" if last else "in it"
            raise DataError(f"the series is too short: {max(known, 0):,} values {where}, and the model needs {least:,}; give a longer one")

    def _tensor(self, array: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(array).to(self.network.output.weight.device)


def feature_count(clock: Clock | None) -> int:
    """Return the number of features of a time: a sine and a cosine for each cycle."""
    return 0 if clock is None else 2 * len(clock.cycles)


def draw(outputs: Floats, residuals: Floats, count: int, random: np.random.Generator) -> Floats:
    """(series * count, horizon, columns, outputs), (cases, horizon, columns) residuals -> (series * count, horizon, columns) samples.

    They are the output plus an error of the validation part, or lie between the quantiles. The probabilities of a series' paths are
    spread evenly, so that few paths give steady intervals.
    """
    order = np.argsort(random.random((len(outputs) // count, count)), 1)
    probabilities = ((order + random.random(order.shape)) / count).ravel()
    drawn: Floats
    if outputs.shape[-1] == 1:
        drawn = outputs[..., 0] + residuals[(probabilities * len(residuals)).astype(int)]
        return drawn
    quantiles = np.sort(outputs, -1)  # The outputs of a network may cross
    known = np.array(QUANTILES)
    low = np.clip(np.searchsorted(known, probabilities) - 1, 0, len(known) - 2)
    weight = np.clip((probabilities - known[low]) / (known[low + 1] - known[low]), 0, 1)[:, None, None]
    rows = np.arange(len(outputs))
    below, above = quantiles[rows, ..., low], quantiles[rows, ..., low + 1]
    drawn = below + weight * (above - below)
    return drawn


def _numbers(tensor: Tensor) -> Floats:
    return tensor.detach().cpu().numpy().astype(np.float64)


@dataclass(frozen=True, eq=False)
class Forecast:
    """The next values of a series."""

    times: tuple[str, ...] | None
    values: Floats  # (steps, targets)
    low: Floats | None = None  # (steps, targets) lower ends of an interval
    high: Floats | None = None  # (steps, targets) upper ends


class Stream:
    """A predictor after the end of a series, which reads further values one by one, each in a single step."""

    def __init__(self, predictor: Predictor, residuals: Floats, series: Series) -> None:
        """Raise DataError for a series that is too short."""
        self.predictor, self.residuals, self.series = predictor, residuals, series
        predictor.check_length(len(series), 0)
        levels = predictor.scaling.levels(series)
        self._moment = predictor.walk(levels, predictor.features(series, 1), [len(levels)])
        self._time = "" if series.times is None else series.times[-1]

    def push(self, values: Sequence[float], time: str | None = None) -> None:
        """Read the next value of every column, in the model's order; raise DataError."""
        if not np.isfinite(values).all():
            raise DataError(f"the new value is {', '.join(map(str, values)):.80}, which is no number; fill it in")
        row = Series(self.series.columns, self.series.targets, np.array([values], np.float64), ("the new value",))
        levels = self.predictor.scaling.levels(row)
        self._time = time or self._later(1)
        features = self.predictor.features_of([self._later(1) if self.predictor.clock else ""])[0]
        self._moment = self.predictor.step(self._moment, levels, features)

    def forecast(self, steps: int, *, fraction: float | None = None, seed: int = 0) -> Forecast:
        """Return the next values, and an interval that should contain a fraction `fraction`; raise SettingError, DataError."""
        predictor, targets = self.predictor, self.series.targets
        most = MOST_DRAWN // (PATHS * (len(self.series.columns) + feature_count(predictor.clock)))
        if fraction is not None and steps > most:
            raise SettingError("steps", f"can be at most {most:,} with an interval, got {steps:,}; give fewer")
        *times, after = (self._later(step) for step in range(1, steps + 2))
        features = predictor.features_of([*times[1:], after])[None]
        values = predictor.scaling.values(predictor.ahead(self._moment, features, steps))[0, :, :targets]
        shown = tuple(times) if times[0] else None
        if fraction is None:
            return Forecast(shown, values)
        paths = predictor.paths(self.residuals, self._moment, features, steps, count=PATHS, seed=seed)
        low, high = interval(paths[..., :targets], fraction)
        return Forecast(shown, values, low[0], high[0])

    def _later(self, steps: int) -> str:
        """Return the time of a value to come; "" where there are no times."""
        clock = self.series.clock
        return "" if clock is None or not self._time else clock.after(self._time, steps)
