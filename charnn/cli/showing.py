"""Results as JSON, as a drawing in the terminal, or as a picture."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from charnn.cli.process import say, write
from charnn.data.answers import json_line
from charnn.plots.chart import Chart
from charnn.plots.picture import PICTURES, check_place, write_chart

if TYPE_CHECKING:
    from charnn.plots.heatmap import Heatmap

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object in place of tables and drawings.")
plot_option = click.option("--plot", type=click.Path(path_type=Path), help="Draw it into this file as well: .png or .svg.")


def check_plot(path: Path | None, suffixes: Collection[str] = PICTURES, option: str = "plot") -> None:
    """Raise SettingError or StorageError for a file that cannot be drawn into, before anything long is computed."""
    if path is not None:
        check_place(path, suffixes, option)


def show_json(facts: dict[str, Any]) -> None:
    """Write facts as one line of JSON."""
    write(json_line(facts))


def show_picture(picture: "Chart | Heatmap") -> None:
    """Draw a chart or a heat map in the terminal, of an empty heat map its title."""
    from charnn.plots.terminal import drawn, drawn_heatmap

    write(f"{drawn(picture) if isinstance(picture, Chart) else drawn_heatmap(picture) or picture.title}\n")


def save_picture(picture: "Chart | Heatmap", path: Path | None, option: str = "plot") -> None:
    """Draw a chart or a heat map into a file where a path is given, and name the file."""
    if path is None:
        return
    if isinstance(picture, Chart):
        write_chart(path, picture, option)
    else:
        from charnn.plots.heatmap import write_heatmap

        write_heatmap(path, picture, option)
    say(f"Wrote {path}.")
