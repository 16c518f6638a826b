"""Where a picture is written to, and in what letters."""

import io
import os
import warnings
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from charnn.errors import SettingError, StorageError
from charnn.files import write_whole

FONTS = (
    *("DejaVu Sans", "Noto Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "PingFang SC", "Hiragino Sans"),
    *("Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "Arial Unicode MS", "Noto Emoji", "Segoe UI Emoji"),
)
"""Where letters are looked for, as far as they are installed: matplotlib's own font has no Chinese and few emoji."""

PICTURES = (".png", ".svg")


def write_picture(path: Path, fill: Callable[[Any], None], size: tuple[float, float], option: str = "plot") -> None:
    """A .png or .svg of so many inches of what `fill` draws into a figure; what stands around the figure is made room for.

    Raises SettingError at another suffix or where matplotlib is missing, StorageError where the file cannot be written.
    """
    check_place(path, PICTURES, option)
    write_whole(path, picture(fill, size, path.suffix.lower()[1:], option))


def check_place(path: Path, suffixes: Collection[str], option: str) -> None:
    """Raises SettingError for another suffix, StorageError where there can be no such file: before anything long is computed."""
    if path.suffix.lower() not in suffixes:
        raise SettingError(option, f"must end in {listed(suffixes)}, got {path}")
    if not path.parent.is_dir():
        raise StorageError(f"{path} cannot be written: there is no folder {path.parent}; make it, or name another file")
    if path.is_dir():
        raise StorageError(f"{path} cannot be written: it is a folder; name a file in it")
    if not os.access(path.parent, os.W_OK):
        raise StorageError(f"{path} cannot be written: {path.parent} is not yours to write to; name another file")


def picture(fill: Callable[[Any], None], size: tuple[float, float], kind: str, option: str, instead: str = "") -> bytes:
    """The bytes of a file of this kind; by a Figure of its own, since pyplot would choose a display for the whole process.

    instead: what to do where matplotlib is missing, beside installing it.
    """
    try:
        from matplotlib import font_manager  # first: the package itself is what may be missing
        from matplotlib.figure import Figure
    except ImportError:
        raise SettingError(option, f"needs matplotlib; install charnn[plot]{instead}") from None
    from matplotlib import rc_context

    installed = set(font_manager.get_font_names())
    file = io.BytesIO()
    # A letter that no font has is a box, which says as much as a warning for each.
    with rc_context({"font.family": [font for font in FONTS if font in installed]}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure = Figure(figsize=size)
        fill(figure)
        figure.savefig(file, format=kind, dpi=150, bbox_inches="tight", pad_inches=0.15, facecolor="white")
    return file.getvalue()


def listed(names: Collection[str]) -> str:
    """`.png, .svg or .html`."""
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last
