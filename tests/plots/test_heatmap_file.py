"""Attention as a file: pictures by matplotlib, pages by us; and what is said where neither can be written."""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from charnn.errors import SettingError, StorageError
from charnn.metrics.alignment import Alignment
from charnn.plots.heatmap import of_alignment
from charnn.plots.heatmap import write_heatmap as write_any

SMALL = Alignment(("Ein", "rotes", "Rad"), ("A", "red"), np.array([[0.8, 0.15, 0.05], [0.04, 0.5, 0.46]]))
HOSTILE = Alignment(("<b>&\"'", "$x$", "-->", "中\x1b\udcff"), ("</script>", "${title}"), np.full((2, 4), 0.25))
EMPTY = Alignment((), ("a", "b"), np.zeros((2, 0)))
LARGE = Alignment(tuple(f"Quellwort{number}" for number in range(60)), tuple(map(str, range(60))), np.eye(60))


def write_heatmap(path: Path, alignment: Alignment, title: str) -> None:
    write_any(path, of_alignment(alignment, title), "attention_plot")


class Page(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.cells: list[dict[str, str | None]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "td" and attrs:
            self.cells.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.setdefault(self.tags[-1], []).append(data.strip())


def page(path: Path, alignment: Alignment, title: str) -> Page:
    write_heatmap(path, alignment, title)
    return Page(path.read_text(encoding="utf-8"))


def test_a_page_names_the_words_and_the_percentage_of_each_cell(tmp_path: Path) -> None:
    found = page(tmp_path / "attention.html", SMALL, "A red bike")
    assert found.texts["h1"] == found.texts["title"] == ["A red bike"]
    assert found.texts["th"] == ["Ein", "rotes", "Rad", "A", "red"]
    assert [cell["data-text"] for cell in found.cells] == [
        *("A ← Ein  80.0%", "A ← rotes  15.0%", "A ← Rad  5.0%"),
        *("red ← Ein  4.0%", "red ← rotes  50.0%", "red ← Rad  46.0%"),
    ]
    assert [cell["style"] for cell in found.cells[::3]] == ["--share:1.000", "--share:0.050"]
    assert found.texts["span"] == ["80%"]  # the end of the scale


def test_words_and_titles_are_never_html(tmp_path: Path) -> None:
    found = page(tmp_path / "attention.html", HOSTILE, "<script>alert('$title')\n</script>")
    assert found.texts["th"] == ["<b>&\"'", "$x$", "-->", "中\ufffd\ufffd", "</script>", "${title}"]
    assert found.texts["h1"] == ["<script>alert('$title') </script>"]
    assert found.cells[0]["data-text"] == "</script> ← <b>&\"'  25.0%"
    assert (found.tags.count("script"), found.tags.count("b"), len(found.cells)) == (1, 0, 8)


def test_a_page_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    write_heatmap(tmp_path / "attention.html", SMALL, "title")
    assert re.findall(r"https?:|//|url\(|@import|src=|<link", (tmp_path / "attention.html").read_text()) == []


@pytest.mark.parametrize("alignment", [SMALL, HOSTILE, EMPTY, LARGE], ids=["small", "hostile", "empty", "large"])
def test_a_picture_is_drawn(tmp_path: Path, alignment: Alignment) -> None:
    pytest.importorskip("matplotlib")
    had_pyplot = "matplotlib.pyplot" in sys.modules
    path = tmp_path / "attention.PNG"
    write_heatmap(path, alignment, "$title")
    assert path.read_bytes().startswith(b"\x89PNG\r\n")
    assert ("matplotlib.pyplot" in sys.modules) == had_pyplot


def test_a_picture_of_vectors_has_a_shape_per_cell_and_its_words(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    write_heatmap(tmp_path / "attention.svg", HOSTILE, "a <title> for $x$")
    tree = ElementTree.parse(tmp_path / "attention.svg")
    mesh = next(node for node in tree.iter() if node.get("id") == "QuadMesh_1")
    assert len(list(mesh)) == HOSTILE.weights.size
    assert "<!-- $x$ -->" in (tmp_path / "attention.svg").read_text(encoding="utf-8")  # as it is: no formula


def test_a_page_of_no_words_has_no_cells(tmp_path: Path) -> None:
    assert page(tmp_path / "attention.html", EMPTY, "nothing").cells == []


@pytest.mark.parametrize("name", ["attention.jpg", "attention", "attention.png.txt"])
def test_another_suffix_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingError) as raised:
        write_heatmap(tmp_path / name, SMALL, "title")
    assert str(raised.value) == f"attention_plot must end in .png, .svg or .html, got {tmp_path / name}"


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_without_matplotlib_a_page_is_recommended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SettingError) as raised:
        write_heatmap(tmp_path / f"attention{suffix}", SMALL, "title")
    assert str(raised.value) == "attention_plot needs matplotlib; install charnn[plot], or name a .html file"
    write_heatmap(tmp_path / "attention.html", SMALL, "title")
    assert [path.name for path in tmp_path.iterdir()] == ["attention.html"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none" / "attention.html"
    with pytest.raises(StorageError) as raised:
        write_heatmap(path, SMALL, "title")
    assert str(raised.value) == f"{path} cannot be written: there is no folder {path.parent}; make it, or name another file"


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "attention.html").mkdir()
    with pytest.raises(StorageError) as raised:
        write_heatmap(tmp_path / "attention.html", SMALL, "title")
    assert str(raised.value) == f"{tmp_path / 'attention.html'} cannot be written: it is a folder; name a file in it"


def test_a_folder_of_others_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Patched, since root, as which many containers test, may write everywhere."""
    monkeypatch.setattr("os.access", lambda folder, mode: False)
    with pytest.raises(StorageError) as raised:
        write_heatmap(tmp_path / "attention.html", SMALL, "title")
    assert (
        str(raised.value)
        == f"{tmp_path / 'attention.html'} cannot be written: you have no permission to write to {tmp_path}; name another file"
    )
    assert list(tmp_path.iterdir()) == []


def test_an_older_file_is_replaced_whole(tmp_path: Path) -> None:
    (tmp_path / "attention.html").write_text("old" * 10_000)
    assert page(tmp_path / "attention.html", SMALL, "new").texts["h1"] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["attention.html"]
