"""Going on with a series, and measuring how well: options and output of a forecaster."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from charnn.cli.options import given
from charnn.cli.showing import check_plot, plot_option, save_chart
from charnn.cli.streams import write
from charnn.errors import SettingError
from charnn.plots.chart import Chart, Line

if TYPE_CHECKING:
    from charnn.data.series import Series
    from charnn.tasks.forecaster.trained import Backtest, Forecast, Stream

FORECASTING = ["steps", "interval", "seed", "stream", "plot"]
EVALUATING = ["horizon", "last", "stride", "plot"]
"""Options of predict and of evaluate that have an effect on a forecaster."""

OPEN_SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)

SHOWN_BEFORE = 3
"""In a picture of a forecast, so many times its length of what came before it is shown; at least 100 values."""


def forecasting_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of going on with a series."""
    options = [
        click.option("--steps", type=click.IntRange(1, 1_000_000), help="Values to predict; by default as many as at once (forecaster)."),
        click.option("--interval", type=OPEN_SHARE, help="Share of the values that an interval is to hold (forecaster)."),
        click.option("--stream", is_flag=True, help="Predict after every row that comes from standard input (forecaster)."),
        plot_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


def backtesting_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of measuring on a series."""
    options = [
        click.option("--horizon", type=click.IntRange(1, 1_000_000), help="Steps ahead; by default as many as at once (forecaster)."),
        click.option("--last", type=click.IntRange(1), help="Values at the end to predict; by default as many as held out (forecaster)."),
        click.option("--stride", type=click.IntRange(1), default=1, show_default=True, help="Values between two origins (forecaster)."),
        plot_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


def predict_series(ctx: click.Context, trained: Any, arguments: tuple[str, ...], values: dict[str, Any]) -> int:
    """The next values of the series in the files, or of the one of training, as CSV or JSON lines."""
    if values["format"] not in (None, "csv", "jsonl"):
        raise SettingError("format", f"must be csv or jsonl for a forecaster, got {values['format']}")
    if values["interval"] is None:
        for name in given(ctx, ["seed"]):
            raise SettingError(name, "has no effect without --interval, since nothing is drawn; leave it out")
    check_plot(values["plot"])
    steps = values["steps"] or trained.settings.network.horizon
    how = {"steps": steps, "share": values["interval"], "seed": values["seed"] or 0}
    lines = FORMATS[values["format"] or "csv"]
    if values["stream"]:
        for name in given(ctx, ["plot"]):
            raise SettingError(name, "cannot be combined with --stream; leave one out")
        follow(trained, arguments, lambda stream, is_first: lines(trained, stream.forecast(**how), is_first))
        return 0
    series = trained.read(arguments) if arguments else trained.past
    forecast = trained.predict(series, **how)
    for line in lines(trained, forecast, True):
        write(line)
    if values["plot"] is not None:
        save_chart(forecast_chart(trained, series, forecast, values["interval"]), values["plot"])
    return 0


def follow(trained: Any, arguments: tuple[str, ...], answer: "Callable[[Stream, bool], Iterable[str]]") -> None:
    """Answers every row of standard input as it comes; it goes on with the files before it, or with the series of training."""
    from charnn.data.lines import Line as TextLine
    from charnn.data.lines import live_lines
    from charnn.data.readers import standard_input
    from charnn.data.series import cells_of, read_row

    if not arguments or arguments[-1] != "-":
        raise SettingError("stream", "reads standard input: end the command with -")
    stream = trained.stream(trained.read(arguments[:-1]) if arguments[:-1] else None)
    settings, columns = trained.settings.data, trained.model.background.columns
    live = live_lines("standard input", standard_input(), settings.encoding, settings.errors)
    lines = (line.text for line in live if isinstance(line, TextLine))
    for number, row in enumerate(cells_of("standard input", lines)):
        stream.push(read_row(row, columns.names, "refuse"), row.values.get(columns.time))
        for line in answer(stream, number == 0):
            write(line)


def csv_lines(trained: Any, forecast: "Forecast", is_first: bool) -> Iterator[str]:
    """Rows with the columns of the series they go on with, and those of the interval."""
    past = trained.past
    bounds = ["low", "high"] if forecast.low is not None else []
    if is_first:
        names = [column for name in trained.targets for column in (name, *(f"{name}_{bound}" for bound in bounds))]
        yield _csv([past.time_column if forecast.times else "step", *names])
    for step in range(len(forecast.values)):
        cells = [forecast.times[step] if forecast.times else str(step + 1)]
        for number in range(len(trained.targets)):
            cells += [f"{part[step, number]:.8g}" for part in (forecast.values, forecast.low, forecast.high) if part is not None]
        yield _csv(cells)


def json_lines(trained: Any, forecast: "Forecast", is_first: bool) -> Iterator[str]:
    """An object a step and column."""
    from charnn.data.answers import json_line

    for step, row in enumerate(forecast.values.tolist()):
        for number, name in enumerate(trained.targets):
            facts = {"step": step + 1, "time": forecast.times[step] if forecast.times else None, "column": name, "value": row[number]}
            if forecast.low is not None and forecast.high is not None:
                facts |= {"low": float(forecast.low[step, number]), "high": float(forecast.high[step, number])}
            yield json_line(facts)


FORMATS: dict[str, Callable[[Any, "Forecast", bool], Iterator[str]]] = {"csv": csv_lines, "jsonl": json_lines}


def _csv(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def forecast_chart(trained: Any, series: "Series", forecast: "Forecast", share: float | None) -> Chart:
    """The end of a series, and how it is predicted to go on."""
    steps, known = len(forecast.values), len(series)
    begin = max(0, known - max(SHOWN_BEFORE * steps, 100))
    lines = []
    for number, name in enumerate(trained.targets):
        suffix = f" {name}" if len(trained.targets) > 1 else ""
        lines.append(Line(f"real{suffix}", list(range(begin, known)), series.values[begin:, number].tolist()))
        low, high = (None if part is None else part[:, number].tolist() for part in (forecast.low, forecast.high))
        places = list(range(known, known + steps))
        lines.append(Line(f"predicted{suffix}", places, forecast.values[:, number].tolist(), low, high))
    interval = "" if share is None else f", with the interval for {share:.0%}"
    title = f"{', '.join(trained.targets)}: the next {steps:,} values{interval}"
    return Chart(title, _place(series), ", ".join(trained.targets), lines)


def backtest_chart(trained: Any, series: "Series", test: "Backtest") -> Chart:
    """What was predicted of the last values beside what came: from each origin its first step, or from the only origin all."""
    import numpy as np

    lines = []
    is_one = len(test.stops) == 1
    places = (test.stops[0] + np.arange(test.true.shape[1]) if is_one else test.stops).tolist()
    for number, name in enumerate(trained.targets):
        suffix = f" {name}" if len(trained.targets) > 1 else ""
        true, found = (part[0, :, number] if is_one else part[:, 0, number] for part in (test.true, test.found))
        lines += [Line(f"real{suffix}", places, true.tolist()), Line(f"predicted{suffix}", places, found.tolist())]
    how = f"{len(places):,} values fed back" if is_one else "each value predicted from all before it"
    return Chart(f"{', '.join(trained.targets)}: real and predicted, {how}", _place(series), ", ".join(trained.targets), lines)


def _place(series: "Series") -> str:
    """What the axis of time counts."""
    if series.times is None:
        return "values since the beginning"
    return f"values since {series.times[0]}" + ("" if series.clock is None else f", one {series.clock.words}")


def forecast_drawing(trained: Any, values: Mapping[str, Any]) -> tuple[dict[str, Any], Chart]:
    """The next values of a series where --steps says how many, else the last ones as they were predicted; facts and chart."""
    from charnn.tasks.forecaster.trained import backtest

    series = trained.read(values["data"]) if values["data"] else trained.past
    if values["steps"] is not None:
        if values["horizon"] is not None:
            raise SettingError("horizon", "is how far ahead the last values are predicted, and --steps draws those to come; leave one out")
        forecast = trained.predict(series, steps=values["steps"], share=values["interval"])
        chart = forecast_chart(trained, series, forecast, values["interval"])
    elif values["interval"] is not None:
        raise SettingError("interval", "has no effect without --steps; leave it out, or say how many steps to predict")
    else:
        chart = backtest_chart(trained, series, backtest(trained.model, series, horizon=values["horizon"]))
    lines = [{"name": line.name, "x": list(line.x), "y": list(line.y)} for line in chart.lines]
    return {"model": trained.name, "targets": list(trained.targets), "lines": lines}, chart


def measure_forecaster(ctx: click.Context, trained: Any, data: tuple[str, ...], values: dict[str, Any]) -> dict[str, Any]:
    """Metrics of a backtest, beside those of the naive forecasts; with --plot a picture of it."""
    from charnn.tasks.forecaster.trained import backtest, measured

    check_plot(values["plot"])
    if not data and not trained.settings.loop.held_out and values["last"] is None:
        raise click.UsageError("nothing was held out in training: name the data to measure this forecaster on, or say --last.")
    series = trained.read(data) if data else trained.past
    test = backtest(trained.model, series, last=values["last"], horizon=values["horizon"], stride=values["stride"])
    if values["plot"] is not None:
        save_chart(backtest_chart(trained, series, test), Path(values["plot"]))
    found: dict[str, Any] = measured(trained.model, series, test)
    return found
