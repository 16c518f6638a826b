"""Output of results as JSON, as a drawing in the terminal, or as a picture file."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from charnn.cli.process import say, write, write_lines
from charnn.data.answers import json_line
from charnn.plots.chart import Chart
from charnn.plots.picture import PICTURES, check_place, write_chart

if TYPE_CHECKING:
    from charnn.plots.heatmap import Heatmap

json_option = click.option(
    "--json", "as_json", is_flag=True, help="One JSON object instead of tables and drawings; docs/json.md lists the keys."
)
plot_option = click.option("--plot", type=click.Path(path_type=Path), help="Also draw it into this file: .png or .svg.")


def check_plot(path: Path | None, suffixes: Collection[str] = PICTURES, option: str = "plot") -> None:
    """Raise SettingError or StorageError for a file that a picture cannot be written to, before a long computation."""
    if path is not None:
        check_place(path, suffixes, option)


def show_json(facts: dict[str, Any]) -> None:
    """Write facts as one line of JSON."""
    write(json_line(facts))


def show(facts: dict[str, Any], picture: "Chart | Heatmap", as_json: bool, *, lines: Iterable[str] = ()) -> None:
    """Write facts as JSON, or else draw the picture in the terminal and write lines below it."""
    if as_json:
        show_json(facts)
        return
    show_picture(picture)
    write_lines(lines)


def show_picture(picture: "Chart | Heatmap") -> None:
    """Draw a chart or a heat map in the terminal; of an empty heat map write the title."""
    from charnn.plots.terminal import drawn, drawn_heatmap

    write(f"{drawn(picture) if isinstance(picture, Chart) else drawn_heatmap(picture) or picture.title}\n")


def save_picture(picture: "Chart | Heatmap", path: Path | None, option: str = "plot") -> None:
    """Draw a chart or a heat map into a file, if one is given, and name the file."""
    if path is None:
        return
    if isinstance(picture, Chart):
        write_chart(path, picture, option)
    else:
        from charnn.plots.heatmap import write_heatmap

        write_heatmap(path, picture, option)
    say(f"Wrote {path}.")
