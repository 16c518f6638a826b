"""How a result is shown: as JSON, as a chart in the terminal, as a picture."""

from pathlib import Path
from typing import Any

import click

from charnn.cli.streams import write
from charnn.data.answers import json_line
from charnn.plots.chart import Chart
from charnn.plots.files import PICTURES, check_place

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object in place of tables and drawings.")

plot_option = click.option("--plot", type=click.Path(path_type=Path), help="Draw it into this file as well: .png or .svg.")


def check_plot(path: Path | None) -> None:
    """Refuses a file that cannot be drawn into, before anything long is computed. Raises SettingError, StorageError."""
    if path is not None:
        check_place(path, PICTURES, "plot")


def show_json(facts: dict[str, Any]) -> None:
    """Facts as one line of JSON."""
    write(json_line(facts))


def show_chart(chart: Chart) -> None:
    """A chart in the terminal."""
    from charnn.plots.terminal import drawn

    write(drawn(chart) + "\n")


def save_chart(chart: Chart, path: Path | None) -> None:
    """A chart as a picture, where one is asked for, and where it lies."""
    if path is None:
        return
    from charnn.plots.picture import write_chart

    write_chart(path, chart)
    click.echo(f"Wrote {path}.", err=True)
