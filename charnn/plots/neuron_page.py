"""A page that shows hidden units over a text: one HTML file that works offline in any browser."""

import base64
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charnn.cells.settings import Unit
from charnn.files import write_whole
from charnn.plots.letters import LINE_END, TAB, visible
from charnn.plots.picture import check_place, page_template
from charnn.tokenizers.vocabulary import SPECIALS, START

MOST_BYTES = 2_950_000  # Of a page, unless the units that were found or asked for need more
FINE, COARSE, CROWDED = 63, (31, 15, 7, 5), 7
"""Quantisation steps of a value: of units found or asked for; of all others, the most at which all fit; of some, if they do not."""
TOGETHER = {63: 1, 31: 1, 15: 2, 7: 2, 5: 3}
"""Neighbouring values in one byte, by their steps: a tenth smaller than a byte for each, once compressed."""
NEVER_CAME = 65535  # Thousandths of a nat that mark the end of a text


class FoundUnit(NamedTuple):
    """A unit that follows a feature of the text: a row of the table beside it."""

    feature: str
    positions: int  # the number of positions at which the feature is not 0
    unit: Unit
    found: float  # Pearson's correlation on the first half, by which the unit was chosen
    correlation: float  # the same on the second half, which is independent of the choice
    auc: float | None  # area under the ROC curve on the second half; None for a feature that is not binary


@dataclass(frozen=True, eq=False)
class NeuronPage:
    """The contents of a page; layers are numbered from 1, units from 0."""

    title: str
    note: str
    pieces: Sequence[str]  # (time,)
    following: Sequence[str | None]  # (time,): the next symbols, None at the end of a text
    candidates: Sequence[Sequence[str]]  # (time, top): the likeliest next symbols
    probabilities: NDArray[np.floating]  # (time, top)
    nats: NDArray[np.floating]  # (time,)
    values: NDArray[np.floating]  # (layers, units, time)
    found: Sequence[FoundUnit]
    wanted: Sequence[Unit]  # units to include besides those found; the first is shown first


class Kept(NamedTuple):
    """The numbers of units on a page in fine and in coarse steps, and its size."""

    fine: int
    coarse: int
    steps: int
    bytes: int


def write_neuron_page(path: Path, page: NeuronPage) -> Kept:
    """Write the page and return a summary of it. Raises SettingError for another suffix, StorageError where it cannot be written."""
    check_place(path, (".html",), "page")
    data, kept = _page(page)
    write_whole(path, data)
    return kept


@dataclass(frozen=True, eq=False)
class _Coded:
    """Quantised units, each as its levels or as the differences between neighbours, whichever is shorter."""

    numbers: NDArray[np.uint8]  # (units, bytes)
    is_delta: NDArray[np.bool_]  # (units,)
    scales: NDArray[np.float64]  # (units,)
    steps: int

    def facts(self, names: Sequence[Unit]) -> list[list[float | int]]:
        """Return what decodes each unit: layer, unit, scale, steps, values in a byte, whether they are differences."""
        rows = zip(names, self.scales.tolist(), self.is_delta.tolist(), strict=True)
        return [[*name, round(scale, 6), self.steps, TOGETHER[self.steps], int(is_delta)] for name, scale, is_delta in rows]


def _page(page: NeuronPage) -> tuple[bytes, Kept]:
    layers, hidden, time = page.values.shape
    rows = page.values.reshape(layers * hidden, time)
    names = [Unit(row // hidden + 1, row % hidden) for row in range(len(rows))]
    first = [*page.wanted, *(one.unit for one in page.found), Unit(1, 0)][0]
    fine = sorted({(layer - 1) * hidden + unit for layer, unit in [first, *page.wanted, *(one.unit for one in page.found)]})
    planes, facts = _positions(page)
    found = _code(rows[fine], FINE)
    facts |= {"layers": layers, "hidden": hidden, "shown": list(first)}
    size = len(_filled(page, facts | {"units": [[1000] * 6] * len(rows)}, Kept(0, 0, 0, 0), [planes, found.numbers]))
    others, coarse = _fit(rows, sorted(set(range(len(rows))) - set(fine)), MOST_BYTES - size)
    facts["units"] = [*found.facts([names[row] for row in fine]), *coarse.facts([names[row] for row in others])]
    kept = Kept(len(fine), len(others), coarse.steps, 0)
    html = _filled(page, facts, kept, [planes, found.numbers, coarse.numbers]).encode()
    return html, kept._replace(bytes=len(html))


def _positions(page: NeuronPage) -> tuple[NDArray[np.uint8], dict[str, object]]:
    """Return (planes, time) bytes of everything but the units, and the facts that decode them."""
    table: dict[str, int] = {}

    def numbers(texts: Sequence[str]) -> NDArray[np.int64]:
        return np.array([table.setdefault(visible(text), len(table)) for text in texts], np.int64)

    columns = [numbers(page.pieces), numbers([one or "" for one in page.following])]
    columns += [numbers(column) for column in zip(*page.candidates, strict=True)]
    width = max(1, -(-(len(table) - 1).bit_length() // 8))
    planes = [(column >> 8 * byte & 255).astype(np.uint8) for column in columns for byte in range(width)]
    shares = len(planes)
    # The square root keeps small probabilities apart, down to 1 in 65,025.
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
    """Return the units that fit into the budget, and their code: all in coarse steps, or those that vary most."""
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
    """Quantise (units, time) values to whole numbers below `steps`, the middle one for 0; each unit has its own scale."""
    scales = np.abs(rows).max(1, initial=0).astype(np.float64)
    scales[scales == 0] = 1
    levels = np.round((rows / scales[:, None] + 1) / 2 * (steps - 1)).astype(np.int16)
    plain, deltas = (_together(one, steps) for one in (levels, np.diff(levels, axis=1, prepend=0) % steps))
    is_delta = np.array([_entropy(delta) < _entropy(level) for level, delta in zip(plain, deltas, strict=True)], np.bool_)
    return _Coded(np.where(is_delta[:, None], deltas, plain), is_delta, scales, steps)


def _together(levels: NDArray[np.int16], steps: int) -> NDArray[np.uint8]:
    """Put neighbouring levels into one byte, the first as the lowest digit: (units, time) -> (units, bytes)."""
    count = TOGETHER[steps]
    places = -(-levels.shape[1] // count)
    filled = np.pad(levels, ((0, 0), (0, places * count - levels.shape[1]))).reshape(len(levels), places, count)
    return (filled @ (steps ** np.arange(count))).astype(np.uint8)


def _entropy(numbers: NDArray[np.uint8]) -> float:
    """Return the entropy in bits per number (Shannon 1948), a lower bound of a Huffman code."""
    counts = np.bincount(numbers)
    fractions = counts[counts > 0] / len(numbers)
    return float(-(fractions * np.log2(fractions)).sum())


def _packed(numbers: NDArray[np.uint8]) -> str:
    """Return compressed numbers as text: base 85 is a sixteenth shorter than base 64; a comma replaces <, which could end a script."""
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
        "Features with a star depend on later symbols, which a network can only guess."
    )
    total = page.values.shape[0] * page.values.shape[1]
    others = f", {kept.coarse:,} more in {kept.steps}" if kept.coarse else ""
    missing = total - kept.fine - kept.coarse
    rest = f"{missing:,} that vary less are left out" if missing else "none is left out"
    note = f"Of {total:,} units, {kept.fine:,} are here in {FINE} steps{others}; {rest}. Others, or finer ones: --units LAYER:UNIT,..."
    return page_template("neuron_page").substitute(
        title=escape(visible(" ".join(page.title.split()))),
        note=escape(visible(page.note)),
        caption=escape(caption),
        rows="\n".join(rows),
        kept=escape(note),
        # JSON in ASCII, without a < that could end the script.
        facts=json.dumps(facts, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"),
        data="\n".join(map(_packed, parts)),
    )
