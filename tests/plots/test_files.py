"""Where pictures may be written to; test_heatmap_file has what is said of each bad place."""

from pathlib import Path

import pytest

from charnn.errors import SettingError, StorageError
from charnn.plots.files import FONTS, PICTURES, check_place, listed, picture, write_picture


def test_suffixes_are_listed_as_a_person_would() -> None:
    assert [listed(names) for names in ([".png"], PICTURES, (".png", ".svg", ".html"))] == [".png", ".png or .svg", ".png, .svg or .html"]


def test_a_place_is_checked_before_anything_is_drawn(tmp_path: Path) -> None:
    drawn: list[object] = []
    with pytest.raises(SettingError, match=r"^to must end in \.png or \.svg, got "):
        write_picture(tmp_path / "a.jpg", drawn.append, (1, 1), "to")
    with pytest.raises(StorageError, match="there is no folder"):
        write_picture(tmp_path / "none" / "a.png", drawn.append, (1, 1))
    (tmp_path / "b.png").mkdir()
    with pytest.raises(StorageError, match="it is a folder"):
        write_picture(tmp_path / "b.png", drawn.append, (1, 1))
    assert drawn == []


def test_a_good_place_says_nothing_and_makes_nothing(tmp_path: Path) -> None:
    check_place(tmp_path / "a.PNG", PICTURES, "plot")
    assert list(tmp_path.iterdir()) == []


def test_a_picture_is_written_whole_and_what_failed_leaves_the_old_one(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "a.png"
    write_picture(path, lambda figure: None, (1, 1))
    before = path.read_bytes()

    def fails(figure: object) -> None:
        raise RuntimeError("while drawing")

    with pytest.raises(RuntimeError):
        write_picture(path, fails, (1, 1))
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["a.png"]


def test_letters_come_from_the_fonts_that_are_there() -> None:
    pytest.importorskip("matplotlib")
    from matplotlib import rcParams

    seen: list[list[str]] = []
    picture(lambda figure: seen.append(list(rcParams["font.family"])), (1, 1), "svg", "plot")
    assert set(seen[0]) <= set(FONTS)
    assert seen[0][0] == "DejaVu Sans"
