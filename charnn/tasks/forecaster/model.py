"""The forecaster: the next values of a series, read value by value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor

from charnn.batches.windows import Window, WindowBatches
from charnn.cells.rowwise import reading
from charnn.cells.state import State
from charnn.data.series import Series
from charnn.errors import CheckpointError
from charnn.tasks.forecaster.background import Background, array_of
from charnn.tasks.forecaster.network import ForecasterNetwork
from charnn.tasks.forecaster.scaling import Floats, Scaling
from charnn.tasks.forecaster.settings import QUANTILES, ForecasterSettings
from charnn.tasks.weights import put_weights, weights_of, without_memory
from charnn.training.task import Group, Loss, all_alike

MEDIAN = QUANTILES.index(0.5)

MOST_RESIDUALS = 2000
"""Errors of the validation part that a model keeps for its intervals."""

CHUNK = 4096
"""Values read at once; it changes no result."""


@dataclass(frozen=True, eq=False)
class Moment:
    """Where a forecaster stands in some series: what it says of the next values of each, and what it needs to go on."""

    said: Floats
    """(batch, horizon, columns, outputs)"""
    state: State
    recent: Floats
    """(batch, lag + 1, columns) last levels."""

    def pick(self, rows: NDArray[np.int64]) -> "Moment":
        """That of these series; a row may occur several times."""
        return Moment(self.said[rows], tuple(part[:, rows] for part in self.state), self.recent[rows])


def together(moments: Sequence[Moment]) -> Moment:
    """Moments side by side."""
    states = zip(*(one.state for one in moments), strict=True)
    return Moment(
        np.concatenate([one.said for one in moments]),
        tuple(torch.cat(parts, 1) for parts in states),
        np.concatenate([one.recent for one in moments]),
    )


class Forecaster:
    """Scales, and a network that says how a series goes on."""

    name = "forecaster"

    def __init__(self, settings: ForecasterSettings, background: Background, scaling: Scaling, residuals: Floats | None = None) -> None:
        self.settings = settings
        self.background = background
        self.scaling = scaling
        self.clock = background.past.clock if settings.scaling.calendar else None
        horizon, columns = scaling.change_mean.shape
        self.residuals = np.zeros((1, horizon, columns)) if residuals is None else residuals
        """(cases, horizon, columns): what was missing in forecasts of the validation part, in the network's scale."""
        self.angles = 0 if self.clock is None else 2 * len(self.clock.cycles)
        torch.manual_seed(settings.loop.seed)
        self.network = ForecasterNetwork(settings.network, inputs=columns + self.angles, columns=columns)

    @classmethod
    def restore(cls, settings: ForecasterSettings, learned: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> "Forecaster":
        """The model of a model file; raises CheckpointError where its parts do not fit each other."""
        background = Background.restore(learned.get("background"), tensors.get("series.past"))
        horizon, columns = settings.network.horizon, len(background.past.columns)
        scaling = Scaling.restore(settings.scaling, learned.get("scaling"), horizon=horizon, columns=columns)
        if settings.scaling.log and (background.past.values <= 0).any():
            raise CheckpointError("the model is damaged: its past holds values that have no logarithm")
        residuals = array_of("residuals", tensors.get("series.residuals"), (horizon, columns))
        with without_memory():
            model = cls(settings, background, scaling, residuals)
        model.take_weights(tensors)
        model.network.eval()
        return model

    def take_weights(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Puts the weights of a model file into the network; raises CheckpointError where names or shapes differ."""
        put_weights(self.network, tensors)

    def learned(self) -> dict[str, Any]:
        """What was learned besides tensors, as JSON-ready data."""
        return {"scaling": self.scaling.plain(), "background": self.background.plain()}

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Weights by name, the past and the residuals."""
        return {**weights_of(self.network), "series.past": self.background.past.values, "series.residuals": self.residuals}

    def groups(self) -> list[Group]:
        """All weights learn alike."""
        return all_alike(self.network)

    def batches(self, series: Series) -> WindowBatches:
        """The training batches of a series."""
        loop, levels = self.settings.loop, self.scaling.levels(series)
        return WindowBatches(
            self.inputs(levels, self.turns(series, 1)),
            self.scaling.targets(levels),
            batch_size=loop.batch_size,
            window=loop.window or len(series),
            is_last=loop.readout == "last",
            seed=loop.seed,
        )

    def loss(self, batch: Window, carry: None) -> Loss:
        """Summed error over what is known of the next values, in the network's scale; the count is that of those values."""
        device = self.network.output.weight.device
        targets = torch.from_numpy(batch.targets).to(device)
        said, _ = self.network(torch.from_numpy(batch.inputs).to(device))
        return Loss(self.errors(said.float(), targets).sum(), int((~np.isnan(batch.targets)).sum()), None)

    def errors(self, said: Tensor, targets: Tensor) -> Tensor:
        """(..., outputs) and (...) -> (...): half the square, the amount, or the mean pinball loss; 0 where the target is NaN.

        The pinball loss of a quantile q is q times what the value is above it, 1 - q times what it is below (Koenker and Bassett 1978).
        """
        is_known = ~targets.isnan()
        missing = (torch.where(is_known, targets, 0.0)[..., None] - said) * is_known[..., None]
        if self.settings.network.objective == "squared":
            return 0.5 * missing[..., 0] ** 2
        if self.settings.network.objective == "absolute":
            return missing[..., 0].abs()
        shares = torch.tensor(QUANTILES, device=said.device)
        return torch.maximum(shares * missing, (shares - 1) * missing).mean(-1)

    def turns(self, series: Series, further: int) -> Floats:
        """(time + further, angles) of where in its cycles each time stands, those to come included."""
        if self.clock is None or series.times is None:
            return np.zeros((len(series) + further, 0))
        to_come = [self.clock.after(series.times[-1], step) for step in range(1, further + 1)]
        return np.array(self.clock.angles([*series.times, *to_come])).reshape(len(series) + further, self.angles)

    def inputs(self, levels: Floats, turns: Floats) -> NDArray[np.float32]:
        """(time, columns) levels and (time + 1, angles) -> (time - lost, inputs): of every value it, and the time of the next."""
        return np.concatenate([self.scaling.inputs(levels), turns[self.scaling.lost + 1 :].astype(np.float32)], 1)

    @reading()
    def read(self, levels: Floats, turns: Floats) -> Floats:
        """(time, columns) levels, (time + 1, angles) -> (time - lost, horizon, columns, outputs) of what is said after each."""
        inputs = torch.from_numpy(self.inputs(levels, turns)).to(self.network.output.weight.device)
        parts, state = [], None
        for begin in range(0, len(inputs), CHUNK):
            said, state = self.network(inputs[None, begin : begin + CHUNK], state)
            parts.append(_numbers(said[0]))
        return np.concatenate(parts)

    def read_from(self, levels: Floats, turns: Floats, first: int) -> tuple[Floats, Floats]:
        """(values, horizon, columns, outputs) said before each value from this one on, and (values, lag, columns) levels before it."""
        lag = self.scaling.lag
        said = self.read(levels, turns)[first - 1 - self.scaling.lost : -1]
        return said, sliding_window_view(levels, lag, 0).swapaxes(1, 2)[first - lag : len(levels) - lag]

    def next_values(self, said: Floats, recent: Floats) -> Floats:
        """The same -> (values, columns): each value as it was expected before it came."""
        return self.scaling.values(self.scaling.ahead(self.likely(said), recent))[:, 0]

    @reading()
    def walk(self, levels: Floats, turns: Floats, stops: Sequence[int]) -> list[Moment]:
        """Reads (time, columns) levels and stands still after so many, for each of the rising stops."""
        lost, depth = self.scaling.lost, self.scaling.lag + 1
        assert all(stop > lost for stop in stops)
        inputs = torch.from_numpy(self.inputs(levels[: stops[-1]], turns[: stops[-1] + 1])).to(self.network.output.weight.device)
        moments, state, done = [], None, 0
        for stop in stops:
            for begin in range(done, stop - lost, CHUNK):
                said, state = self.network(inputs[None, begin : min(begin + CHUNK, stop - lost)], state)
            done = stop - lost
            assert state is not None
            padding = np.repeat(levels[:1], max(0, depth - stop), 0)
            recent = np.concatenate([padding, levels[max(0, stop - depth) : stop]])
            moments.append(Moment(_numbers(said[:, -1]), state, recent[None]))
        return moments

    @reading()
    def step(self, moment: Moment, levels: Floats, turns: Floats) -> Moment:
        """Reads a (batch, columns) level more of each series, and the (batch or 1, angles) of the time after it."""
        recent = np.concatenate([moment.recent[:, 1:], levels[:, None]], 1)
        read = self.scaling.next_input(recent)
        inputs = np.concatenate([read, np.broadcast_to(turns.astype(np.float32), (len(read), self.angles))], 1)
        device = self.network.output.weight.device
        said, state = self.network(torch.from_numpy(inputs[:, None]).to(device), moment.state)
        return Moment(_numbers(said[:, -1]), state, recent)

    def ahead(self, moment: Moment, turns: Floats, steps: int, draws: "Draws | None" = None) -> Floats:
        """(batch, steps, columns) next levels: `horizon` at once, and those fed back for the next.

        turns: (batch or 1, steps, angles) of the times after each level to come. draws: makes each a possible course, instead of
        the one that is expected.
        """
        found: list[Floats] = []
        done = 0
        while True:
            said = self.likely(moment.said) if draws is None else draws.drawn(self, moment.said)
            block = self.scaling.ahead(said, moment.recent)[:, : steps - done]  # (batch, at most horizon, columns)
            found.append(block)
            done += block.shape[1]
            if done == steps:
                return np.concatenate(found, 1)
            for offset in range(block.shape[1]):
                moment = self.step(moment, block[:, offset], turns[:, done - block.shape[1] + offset])

    def likely(self, said: Floats) -> Floats:
        """(..., outputs) -> (...): the one that is expected."""
        expected: Floats = said[..., MEDIAN if self.settings.network.objective == "quantile" else 0]
        return expected


class Draws:
    """Possible courses of each of some series: errors as they were on the validation part, or values between the quantiles.

    The shares of a series' courses are spread evenly, so that few of them give steady intervals.
    """

    def __init__(self, courses: int, seed: int) -> None:
        self.courses, self._random = courses, np.random.default_rng(seed)

    def drawn(self, model: Forecaster, said: Floats) -> Floats:
        """(series * courses, horizon, columns, outputs) -> (series * courses, horizon, columns)."""
        order = np.argsort(self._random.random((len(said) // self.courses, self.courses)), 1)
        shares = ((order + self._random.random(order.shape)) / self.courses).ravel()
        if model.settings.network.objective != "quantile":
            course: Floats = said[..., 0] + model.residuals[(shares * len(model.residuals)).astype(int)]
            return course
        quantiles = np.sort(said, -1)  # no network promises that they do not cross
        known = np.array(QUANTILES)
        low = np.clip(np.searchsorted(known, shares) - 1, 0, len(known) - 2)
        weight = np.clip((shares - known[low]) / (known[low + 1] - known[low]), 0, 1)[:, None, None]
        rows = np.arange(len(said))
        below, above = quantiles[rows, ..., low], quantiles[rows, ..., low + 1]
        result: Floats = below + weight * (above - below)
        return result


def _numbers(tensor: Tensor) -> Floats:
    return tensor.detach().cpu().numpy().astype(np.float64)
