"""A page on which one looks at hidden units over a text: one file that opens in any browser and loads nothing."""

import base64
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charnn.files import write_whole
from charnn.plots.letters import LINE_END, TAB, visible
from charnn.plots.picture import check_place
from charnn.tokenizers.vocabulary import SPECIALS, START

PAGES = (".html",)

MOST_BYTES = 2_950_000  # Of a page, unless the units that must be in it need more

FINE, COARSE, CROWDED = 63, (31, 15, 7, 5), 7
"""Steps from the least to the largest value: of units that were found or asked for; of all others, the most at which all of them fit;
and where all of them never fit, of as many as do."""

TOGETHER = {63: 1, 31: 1, 15: 2, 7: 2, 5: 3}
"""Neighbouring values that share a byte, by their steps: a tenth smaller than a byte for each, once compressed."""

NEVER_CAME = 65535  # Thousandths of a nat that mark the end of a text


class FoundUnit(NamedTuple):
    """A row of the table beside the text."""

    feature: str
    positions: int
    unit: tuple[int, int]
    correlation: float
    auc: float | None


@dataclass(frozen=True, eq=False)
class NeuronPage:
    """What the page shows; layers from 1, units from 0."""

    title: str
    note: str
    pieces: Sequence[str]  # (time,)
    following: Sequence[str | None]  # (time,): what came next, None at the end of a text
    candidates: Sequence[Sequence[str]]  # (time, top): the likeliest next symbols
    probabilities: NDArray[np.floating]  # (time, top)
    nats: NDArray[np.floating]  # (time,)
    values: NDArray[np.floating]  # (layers, units, time)
    found: Sequence[FoundUnit]
    wanted: Sequence[tuple[int, int]]  # units that must be in it beside those found; the first is shown first


class Kept(NamedTuple):
    """The number of units on a page, and the fineness of their values."""

    fine: int
    coarse: int
    steps: int
    bytes: int


def write_neuron_page(path: Path, page: NeuronPage) -> Kept:
    """Write the page and return a summary of it. Raises SettingError for another suffix, StorageError where it cannot be written."""
    check_place(path, PAGES, "page")
    data, kept = _page(page)
    write_whole(path, data)
    return kept


@dataclass(frozen=True, eq=False)
class _Coded:
    """Units in steps, each as its own numbers or as the differences from one symbol to the next, whichever is shorter."""

    numbers: NDArray[np.uint8]  # (units, bytes)
    is_delta: NDArray[np.bool_]  # (units,)
    scales: NDArray[np.float64]  # (units,)
    steps: int

    def facts(self, names: Sequence[tuple[int, int]]) -> list[list[float | int]]:
        """What the page must know to decode each unit: layer, unit, scale, steps, values in a byte, whether they are differences."""
        rows = zip(names, self.scales.tolist(), self.is_delta.tolist(), strict=True)
        return [[*name, round(scale, 6), self.steps, TOGETHER[self.steps], int(is_delta)] for name, scale, is_delta in rows]


def _page(page: NeuronPage) -> tuple[bytes, Kept]:
    layers, hidden, time = page.values.shape
    rows = page.values.reshape(layers * hidden, time)
    names = [(row // hidden + 1, row % hidden) for row in range(len(rows))]
    first = [*page.wanted, *(one.unit for one in page.found), (1, 0)][0]
    fine = sorted({(layer - 1) * hidden + unit for layer, unit in [first, *page.wanted, *(one.unit for one in page.found)]})
    planes, facts = _positions(page)
    found = _code(rows[fine], FINE)
    facts |= {"layers": layers, "hidden": hidden, "shown": list(first)}
    said = len(_filled(page, facts | {"units": [[1000] * 6] * len(rows)}, Kept(0, 0, 0, 0), [planes, found.numbers]))
    others, coarse = _fit(rows, sorted(set(range(len(rows))) - set(fine)), MOST_BYTES - said)
    facts["units"] = [*found.facts([names[row] for row in fine]), *coarse.facts([names[row] for row in others])]
    kept = Kept(len(fine), len(others), coarse.steps, 0)
    html = _filled(page, facts, kept, [planes, found.numbers, coarse.numbers]).encode()
    return html, kept._replace(bytes=len(html))


def _positions(page: NeuronPage) -> tuple[NDArray[np.uint8], dict[str, object]]:
    """(planes, time) bytes of everything but the units, and the facts that tell what they are."""
    table: dict[str, int] = {}

    def numbers(texts: Sequence[str]) -> NDArray[np.int64]:
        return np.array([table.setdefault(visible(text), len(table)) for text in texts], np.int64)

    columns = [numbers(page.pieces), numbers([one or "" for one in page.following])]
    columns += [numbers(column) for column in zip(*page.candidates, strict=True)]
    width = max(1, -(-(len(table) - 1).bit_length() // 8))
    planes = [(column >> 8 * byte & 255).astype(np.uint8) for column in columns for byte in range(width)]
    shares = len(planes)
    # The square root keeps the small ones apart: from 1 in 65,025 on.
    planes += [np.round(255 * np.sqrt(column)).astype(np.uint8) for column in np.clip(page.probabilities, 0, 1).T]
    nats = np.nan_to_num(np.round(1000 * page.nats), nan=NEVER_CAME, posinf=NEVER_CAME - 1).clip(0, NEVER_CAME).astype(np.int64)
    place = len(planes)
    planes += [(nats & 255).astype(np.uint8), (nats >> 8).astype(np.uint8)]
    symbols = list(table)
    facts: dict[str, object] = {"time": len(page.pieces), "top": page.probabilities.shape[1], "width": width, "symbols": symbols}
    facts |= {"shares": shares, "nats": place}
    facts["ends"] = [number for number, symbol in enumerate(symbols) if LINE_END in symbol]
    facts["begins"] = [number for number, symbol in enumerate(symbols) if symbol == SPECIALS[START]]
    facts["signs"] = [number for number, symbol in enumerate(symbols) if symbol in (LINE_END, TAB)]
    return np.stack(planes), facts


def _fit(rows: NDArray[np.floating], others: list[int], budget: int) -> tuple[list[int], _Coded]:
    """As many of these units as fit, and their code: all in coarse steps, or those that vary most."""
    for steps in COARSE:
        coded = _code(rows[others], steps)
        if len(_packed(coded.numbers)) <= budget:
            return others, coded
    order = np.argsort(-rows[others].std(1), kind="stable")
    sizes = np.array([len(_packed(row)) for row in _code(rows[others], CROWDED).numbers])
    count = int((np.cumsum(sizes[order]) <= budget).sum())
    chosen = sorted(others[place] for place in order[:count])
    return chosen, _code(rows[chosen], CROWDED)


def _code(rows: NDArray[np.floating], steps: int) -> _Coded:
    """(units, time) values as whole numbers below `steps`, of which the middle one is 0; each unit on a scale of its own."""
    scales = np.abs(rows).max(1, initial=0).astype(np.float64)
    scales[scales == 0] = 1
    levels = np.round((rows / scales[:, None] + 1) / 2 * (steps - 1)).astype(np.int16)
    plain, deltas = (_together(one, steps) for one in (levels, np.diff(levels, axis=1, prepend=0) % steps))
    is_delta = np.array([_entropy(delta) < _entropy(level) for level, delta in zip(plain, deltas, strict=True)], np.bool_)
    return _Coded(np.where(is_delta[:, None], deltas, plain), is_delta, scales, steps)


def _together(levels: NDArray[np.int16], steps: int) -> NDArray[np.uint8]:
    """(units, time) -> (units, bytes): neighbours in one byte, the first in the lowest place."""
    count = TOGETHER[steps]
    places = -(-levels.shape[1] // count)
    filled = np.pad(levels, ((0, 0), (0, places * count - levels.shape[1]))).reshape(len(levels), places, count)
    return (filled @ (steps ** np.arange(count))).astype(np.uint8)


def _entropy(numbers: NDArray[np.uint8]) -> float:
    """Bits of a number, each by itself (Shannon 1948): what a Huffman code comes near."""
    counts = np.bincount(numbers)
    shares = counts[counts > 0] / len(numbers)
    return float(-(shares * np.log2(shares)).sum())


def _packed(numbers: NDArray[np.uint8]) -> str:
    """Compressed, in letters: base 85 takes a sixteenth less than base 64, and a comma for its < ends no script."""
    data = zlib.compress(numbers.tobytes(), 9)
    # The length comes first, since letters come in fives, of four bytes.
    return base64.b85encode(len(data).to_bytes(4, "big") + data, pad=True).decode().replace("<", ",")


def _filled(page: NeuronPage, facts: dict[str, object], kept: Kept, parts: Sequence[NDArray[np.uint8]]) -> str:
    rows = [
        f'<tr data-unit="{one.unit[0]}:{one.unit[1]}"><th scope="row">{escape(one.feature)}</th><td>{one.positions:,}</td>'
        f'<td><button type="button">{one.unit[0]}:{one.unit[1]}</button></td><td>{one.correlation:+.2f}</td>'
        f"<td>{'' if one.auc is None else f'{one.auc:.2f}'}</td></tr>"
        for one in page.found
    ]
    caption = (
        "Units that follow a feature of the text: chosen on its first half, correlation (Pearson) and AUC on the second. "
        "A star: depends on what comes later, which a network can only guess."
    )
    total = page.values.shape[0] * page.values.shape[1]
    others = f", {kept.coarse:,} more in {kept.steps}" if kept.coarse else ""
    missing = total - kept.fine - kept.coarse
    rest = f"{missing:,} that vary less are left out" if missing else "none is left out"
    note = f"Of {total:,} units, {kept.fine:,} are here in {FINE} steps{others}; {rest}. Others, or finer ones: --units LAYER:UNIT,..."
    return _template().substitute(
        title=escape(visible(" ".join(page.title.split()))),
        note=escape(visible(page.note)),
        caption=escape(caption),
        rows="\n".join(rows),
        kept=escape(note),
        # JSON in ASCII, without a < that could end the script.
        facts=json.dumps(facts, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"),
        data="\n".join(map(_packed, parts)),
    )


@cache
def _template() -> Template:
    return Template(files("charnn.plots").joinpath("neuron_page.html").read_text(encoding="utf-8"))
