"""`charnn predict`, `evaluate` and `plot --forecast` for a forecaster: rows, results and charts."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from charnn.data.answers import csv_line, json_line
from charnn.data.lines import live_pieces
from charnn.data.readers import Source, refuse, standard_input
from charnn.data.series import Series, read_cells, read_row
from charnn.data.tables.reading import Reading
from charnn.errors import SettingError
from charnn.plots.chart import Chart, Line
from charnn.plots.picture import PICTURES, check_place, write_chart
from charnn.tasks.forecaster.backtest import Backtest
from charnn.tasks.forecaster.predictor import Forecast, Stream
from charnn.tasks.forecaster.settings import ForecasterEvaluating, ForecasterPredicting
from charnn.tasks.task import Call

SHOWN_BEFORE = 3  # Values shown before a forecast, as a multiple of its length; at least 100 values


def predict(model: Any, call: Call) -> int:
    """Write the next values of the given series, by default the one of training, as CSV or JSON lines; return the exit code."""
    how: ForecasterPredicting = call.collected(ForecasterPredicting)
    if how.format not in (None, *FORMATS):
        raise SettingError("format", f"must be csv or jsonl for a forecaster, got {how.format}")
    if how.interval is None:
        call.refuse(["seed"], "has no effect without --interval, since nothing is drawn; leave it out")
    picture = place_of(how.plot)
    options: dict[str, Any] = {"steps": how.steps or model.settings.network.horizon, "fraction": how.interval, "seed": how.seed}
    rows = FORMATS[how.format or "csv"]
    if how.stream:
        call.refuse(["plot"], "cannot be combined with --stream; leave one out")
        follow(model, call, lambda stream, is_first: rows(model, stream.forecast(**options), is_first))
        return 0
    series = model.read(call.arguments) if call.arguments else model.past
    forecast = model.predict(series, **options)
    for row in rows(model, forecast, True):
        call.write(row)
    save(call, picture, lambda: forecast_chart(model.targets, series, forecast, how.interval))
    return 0


def evaluate(model: Any, call: Call) -> Any:
    """Return the metrics of a backtest and of the naive forecasts; with --plot draw it into a file."""
    how: ForecasterEvaluating = call.collected(ForecasterEvaluating)
    picture = place_of(how.plot)
    results, series, test = model.tested(call.arguments, last=how.last, horizon=how.horizon, stride=how.stride, **call.how)
    save(call, picture, lambda: backtest_chart(model.targets, series, test))
    return results


def drawing(model: Any, values: Mapping[str, Any]) -> tuple[dict[str, Any], Chart]:
    """Return facts and chart of the next values of a series with --steps, else of a backtest of its last values."""
    series = model.read(values["data"]) if values["data"] else model.past
    if values["steps"] is not None:
        if values["horizon"] is not None:
            raise SettingError("horizon", "is how far ahead the last values are predicted, and --steps draws those to come; leave one out")
        forecast = model.predict(series, steps=values["steps"], fraction=values["interval"])
        chart = forecast_chart(model.targets, series, forecast, values["interval"])
    elif values["interval"] is not None:
        raise SettingError("interval", "has no effect without --steps; leave it out, or give the number of steps to predict")
    else:
        chart = backtest_chart(model.targets, series, model.backtest(series, horizon=values["horizon"]))
    drawn = [{"name": line.name, "x": list(line.x), "y": list(line.y)} for line in chart.lines]
    return {"model": model.name, "targets": list(model.targets), "lines": drawn}, chart


def follow(model: Any, call: Call, answer: Callable[[Stream, bool], Iterable[str]]) -> None:
    """Answer each row of standard input when it comes, after the given files or the series of training."""
    *files, last = call.arguments or [""]
    if last != "-":
        raise SettingError("stream", "reads standard input: end the command with -")
    stream = model.stream(model.read(files) if files else None)
    settings, columns = model.settings.data, model.history.columns
    source = Source("standard input", "stdin", "", lambda: live_pieces(standard_input()))
    for number, row in enumerate(read_cells(source, settings, Reading(refuse))):
        stream.push(read_row(row, columns.names, "refuse"), row.values.get(columns.time))
        for text in answer(stream, number == 0):
            call.write(text)


def csv_lines(model: Any, forecast: Forecast, is_first: bool) -> Iterator[str]:
    """Return CSV rows with the columns of the series, and the bounds of an interval."""
    bounds = ["low", "high"] if forecast.low is not None else []
    if is_first:
        names = [column for name in model.targets for column in (name, *(f"{name}_{bound}" for bound in bounds))]
        yield csv_line([model.past.time_column if forecast.times else "step", *names]) + "\n"
    for step in range(len(forecast.values)):
        cells = [forecast.times[step] if forecast.times else str(step + 1)]
        for number in range(len(model.targets)):
            cells += [f"{part[step, number]:.8g}" for part in (forecast.values, forecast.low, forecast.high) if part is not None]
        yield csv_line(cells) + "\n"


def json_lines(model: Any, forecast: Forecast, is_first: bool) -> Iterator[str]:
    """Return a JSON object for each step and column."""
    for step, row in enumerate(forecast.values.tolist()):
        for number, name in enumerate(model.targets):
            facts = {"step": step + 1, "time": forecast.times[step] if forecast.times else None, "column": name, "value": row[number]}
            if forecast.low is not None and forecast.high is not None:
                facts |= {"low": float(forecast.low[step, number]), "high": float(forecast.high[step, number])}
            yield json_line(facts)


FORMATS: dict[str, Callable[[Any, Forecast, bool], Iterator[str]]] = {"csv": csv_lines, "jsonl": json_lines}


def place_of(plot: str | None) -> Path | None:
    """Return the file to draw into; raise SettingError or StorageError for a bad one before any long computation."""
    if plot is not None:
        check_place(Path(plot), PICTURES, "plot")
    return None if plot is None else Path(plot)


def save(call: Call, path: Path | None, chart: Callable[[], Chart]) -> None:
    """Draw a chart into a file, if there is one, and report it."""
    if path is not None:
        write_chart(path, chart())
        call.say(f"Wrote {path}.")


def forecast_chart(targets: Sequence[str], series: Series, forecast: Forecast, fraction: float | None) -> Chart:
    """Return a chart of the end of a series and its forecast; fraction: that of an interval."""
    steps, known = len(forecast.values), len(series)
    begin = max(0, known - max(SHOWN_BEFORE * steps, 100))
    lines = []
    for number, suffix in enumerate(_suffixes(targets)):
        lines.append(Line(f"real{suffix}", list(range(begin, known)), series.values[begin:, number].tolist()))
        low, high = (None if part is None else part[:, number].tolist() for part in (forecast.low, forecast.high))
        places = list(range(known, known + steps))
        lines.append(Line(f"predicted{suffix}", places, forecast.values[:, number].tolist(), low, high))
    interval = "" if fraction is None else f", with the interval for {fraction:.0%}"
    return _chart(targets, f"the next {steps:,} values{interval}", series, lines)


def backtest_chart(targets: Sequence[str], series: Series, test: Backtest) -> Chart:
    """Return a chart of predicted and real values: the last step of each origin, or all steps of a single origin."""
    lines, is_one, steps = [], len(test.stops) == 1, test.true.shape[1]
    places = (test.stops[0] + np.arange(steps) if is_one else test.stops + steps - 1).tolist()
    for number, suffix in enumerate(_suffixes(targets)):
        for name, part in (("real", test.true), ("predicted", test.predicted)):
            lines.append(Line(f"{name}{suffix}", places, (part[0, :, number] if is_one else part[:, -1, number]).tolist()))
    ahead = f"{steps:,} steps before it" if steps > 1 else "from all before it"
    how = f"{len(places):,} values fed back" if is_one else f"each value predicted {ahead}"
    return _chart(targets, f"real and predicted, {how}", series, lines)


def _suffixes(targets: Sequence[str]) -> list[str]:
    """Return suffixes for the names of lines, empty where there is one target."""
    return [f" {name}" if len(targets) > 1 else "" for name in targets]


def _chart(targets: Sequence[str], what: str, series: Series, lines: Sequence[Line]) -> Chart:
    names, every = ", ".join(targets), "" if series.clock is None else f", one {series.clock.words}"
    since = "the beginning" if series.times is None else f"{series.times[0]}{every}"
    return Chart(f"{names}: {what}", f"values since {since}", names, lines)
