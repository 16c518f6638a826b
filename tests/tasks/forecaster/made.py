"""A series of months, and forecasters of it with random weights."""

import numpy as np
import pytest
import torch

from charnn.checkpoint.model import SavedModel
from charnn.data.series import Series
from charnn.data.times import find_clock
from charnn.tasks.forecaster.data import History
from charnn.tasks.forecaster.model import Forecaster
from charnn.tasks.forecaster.scaling import Scaling
from tests.runs import forecaster_settings

WAYS = {
    "one step": {},
    "direct": {"horizon": 3},
    "differences": {"difference": 12, "log": True},
    "direct differences": {"difference": 2, "horizon": 5},
    "quantiles": {"objective": "quantile", "horizon": 2},
    "without times": {"calendar": False},
    "two layers": {"layers": 2, "layer_norm": True, "initial_state": "learned"},
}

every_way = pytest.mark.parametrize("changes", WAYS.values(), ids=WAYS)


def months(count: int = 80, seed: int = 4) -> Series:
    """Two wandering columns above 0, of which the first is to be predicted, month by month."""
    values = np.exp(0.1 * np.cumsum(np.random.default_rng(seed).normal(size=(count, 2)), 0)) * [3.0, 70.0]
    times = tuple(f"{2000 + number // 12}-{number % 12 + 1:02}" for number in range(count))
    return Series(("a", "b"), 1, values, tuple(map(str, range(count))), "month", times, clock=find_clock(times)[0])


def made(series: Series | None = None, **changes: object) -> Forecaster:
    """A forecaster of the months with random weights."""
    series = months() if series is None else series
    settings = forecaster_settings(**changes)
    model = Forecaster(settings, History(series, 12, (1.0,)), Scaling.fit(series, settings.scaling, settings.network.horizon))
    with torch.no_grad():
        for name, weight in model.network.named_parameters():
            if not name.endswith("hidden_to_gates"):
                weight.add_(0.2 * torch.randn_like(weight))
    model.network.eval()
    return model


def saved_of(model: Forecaster) -> SavedModel:
    return SavedModel("forecaster", model.settings.plain(), model.learned(), model.tensors())
