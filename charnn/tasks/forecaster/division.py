"""How a series is divided in time, and what its season is: known before anything is learned."""

from charnn.data.series import Series
from charnn.errors import DataError
from charnn.metrics.forecasting import find_season
from charnn.tasks.forecaster.settings import ForecasterSettings

VALID_SHARE = 0.1
"""Of what is not held out, unless told otherwise: its end is validated on."""


def divided(count: int, settings: ForecasterSettings, share: float | None) -> tuple[int, int, int]:
    """How many values are trained on, validated on, held out, in this order. Raises DataError where too few are left."""
    held = count // 10 if settings.loop.held_out is None else settings.loop.held_out
    valid = 0 if share is None else max(settings.network.horizon, round((count - held) * share))
    train = count - held - valid
    least = settings.scaling.difference + settings.network.horizon + 3
    if train < least:
        said = f"{count:,} values, of which {held:,} are held out and {valid:,} validated on"
        raise DataError(f"the series is too short: {said}, and training needs {least:,}; give a longer one, or a smaller --held-out")
    return train, valid, held


def known_season(series: Series, train: Series, settings: ForecasterSettings) -> int | None:
    """The season as said, else by the times, else as the training part shows it."""
    if settings.scaling.season is not None:
        return settings.scaling.season
    by_clock = None if series.clock is None else series.clock.season
    return by_clock or find_season(train.values[:, 0])
