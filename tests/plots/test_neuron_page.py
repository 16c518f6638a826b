"""The page of hidden units: what is in it by an independent decoder, and what a real browser makes of it."""

import base64
import json
import re
import shutil
import subprocess
import zlib
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from charnn.errors import SettingError, StorageError
from charnn.plots import neuron_page
from charnn.plots.letters import LINE_END, visible
from charnn.plots.neuron_page import FoundUnit, NeuronPage, write_neuron_page

CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)

HOSTILE = [
    *("</script>", "<script>alert(1)</script>", "<!--", "-->", "&lt;", "&", '"', "'", "$x", "${y}", "\\", "`", "<b>"),
    *("\n", "\r", "\r\n", "\t", "\x00", "\x1b", "\x7f", "\x85", "\u2028", "\ufeff", "\ud800", "\udfff", "\u202e", "\u2066", "\u200f"),
    *("שלום", "مرحبا", "日", "🙂", "e\u0301", "\u0301", " ", "  ", "", "]]>", "<unk>", "<start>"),
]


def made(symbols: list[str], layers: int = 2, hidden: int = 5, seed: int = 0, **changes) -> NeuronPage:
    """A page of noise over the symbols, which are in turn predicted."""
    generator, time = np.random.default_rng(seed), len(symbols)
    shares = np.sort(generator.dirichlet(np.ones(4), time))[:, ::-1][:, :3]
    nats = generator.exponential(2, time)
    nats[-1] = np.nan
    values = np.tanh(np.cumsum(generator.standard_normal((layers, hidden, time)), 2) / 3) * generator.uniform(0.01, 1, (layers, hidden, 1))
    facts = {
        "title": "Units",
        "note": "A note",
        "pieces": symbols,
        "following": [*symbols[1:], None],
        "candidates": [[symbols[(place + k) % time] for k in range(3)] for place in range(time)],
        "probabilities": shares.astype(np.float32),
        "nats": nats,
        "values": values.astype(np.float32),
        "found": [FoundUnit("in double quotes", 7, (1, 3), 0.6, 0.5, 0.75), FoundUnit("place in line", 1000, (2, 0), 0.1, -0.25, None)],
        "wanted": [],
    }
    return NeuronPage(**{**facts, **changes})


class Parsed(HTMLParser):
    """The page as a browser's parser cuts it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.scripts: list[tuple[dict, str]] = []
        self.cells: list[list[str]] = []
        self.title = self.inside = ""
        self.is_table = False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.inside = tag
        self.is_table |= tag == "table"
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")

    def handle_endtag(self, tag):
        self.inside = "" if tag in ("script", "title", "table") else self.inside
        self.is_table &= tag != "table"

    def handle_data(self, data):
        if self.inside == "script":
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)
        elif self.inside == "title":
            self.title += data
        elif self.is_table and self.inside in ("td", "th", "button") and data.strip():
            self.cells[-1][-1] += data


def written(path: Path, page: NeuronPage):
    """The page's text, its facts, the numbers of its positions, its units' values, and what was told of it."""
    kept = write_neuron_page(path / "a.html", page)
    html = (path / "a.html").read_bytes().decode("utf-8")
    assert kept.bytes == len(html.encode())
    parsed = Parsed(html)
    assert [one[0].get("type") for one in parsed.scripts] == ["application/json", "text/plain", "module"]
    return parsed, *decoded(parsed), kept


def decoded(parsed: "Parsed"):
    """The facts, (planes, time) bytes and units of a page."""
    facts = json.loads(parsed.scripts[0][1])
    first, *others = (unpacked(part) for part in parsed.scripts[1][1].split("\n"))
    planes = np.frombuffer(first, np.uint8).reshape(-1, facts["time"]).astype(np.int64)
    return facts, planes, units_of(facts, b"".join(others))


def unpacked(letters: str) -> bytes:
    data = base64.b85decode(letters.replace(",", "<"))
    return zlib.decompress(data[4 : 4 + int.from_bytes(data[:4], "big")])


def units_of(facts, data: bytes) -> dict:
    units, begin = {}, 0
    for layer, unit, scale, steps, together, is_delta in facts["units"]:
        size = -(-facts["time"] // together)
        digits = [byte // steps**k % steps for byte in data[begin : begin + size] for k in range(together)]
        levels = np.array(digits[: facts["time"]])
        levels = np.cumsum(levels) % steps if is_delta else levels
        units[layer, unit] = (levels / (steps - 1) * 2 - 1) * scale, scale / (steps - 1)
        begin += size
    assert begin == len(data)
    return units


def numbers(facts, planes, place: int) -> list[str]:
    """The symbols that the planes from this place on stand for."""
    width = facts["width"]
    found = sum(planes[place + byte] << 8 * byte for byte in range(width))
    return [facts["symbols"][one] for one in found]


@pytest.mark.parametrize("symbols", [list("Ab c\n"), HOSTILE, [f"w{number}" for number in range(300)]])
def test_everything_comes_back_from_the_page(tmp_path, symbols):
    page = made(symbols)
    _, facts, planes, units, kept = written(tmp_path, page)
    assert len(units) == kept.fine + kept.coarse == 10
    for (layer, unit), (values, half_step) in units.items():
        np.testing.assert_allclose(values, page.values[layer - 1, unit], atol=1.001 * half_step + 1e-6)
    width = facts["width"]
    assert width == (1 if len(set(symbols)) < 256 else 2)
    assert numbers(facts, planes, 0) == list(map(visible, symbols))
    assert numbers(facts, planes, width) == list(map(visible, [*symbols[1:], ""]))
    for k in range(3):
        assert numbers(facts, planes, (2 + k) * width) == [visible(one[k]) for one in page.candidates]
        shares = (planes[facts["shares"] + k] / 255) ** 2
        np.testing.assert_allclose(shares, page.probabilities[:, k], atol=0.004)
    thousandths = planes[facts["nats"]] + 256 * planes[facts["nats"] + 1]
    np.testing.assert_allclose(thousandths[:-1] / 1000, page.nats[:-1], atol=6e-4)
    assert thousandths[-1] == neuron_page.NEVER_CAME


def test_the_table_names_what_was_found_and_the_title_is_escaped(tmp_path):
    page = made(HOSTILE, title='Units of "</title><script>x</script>\n\x00 $a', note="<b>&")
    parsed, facts, *_ = written(tmp_path, page)
    assert parsed.title == 'Units of "</title><script>x</script> \ufffd $a'
    assert parsed.cells == [
        ["feature", "positions", "unit", "correlation", "AUC"],
        ["in double quotes", "7", "1:3", "+0.50", "0.75"],
        ["place in line", "1,000", "2:0", "-0.25", ""],
    ]
    assert facts["shown"] == [1, 3]


def test_the_page_loads_nothing_and_holds_no_character_that_commands(tmp_path):
    write_neuron_page(tmp_path / "a.html", made(HOSTILE, title="\u202e\x1b"))
    html = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|src=|href=|url\(|@import|fetch\(|XMLHttp|import\(", html)
    assert "default-src 'none'" in html
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", html)


def test_the_less_room_the_coarser_the_units_then_the_fewer(tmp_path, monkeypatch):
    page = made(list("abcdefgh") * 250, hidden=40, wanted=[(2, 39), (1, 3)])
    told = []
    for most in (3_000_000, 50_000, 44_000, 40_000, 36_000, 33_000, 1):
        monkeypatch.setattr(neuron_page, "MOST_BYTES", most)
        _, facts, _, units, kept = written(tmp_path, page)
        assert kept.bytes <= most or kept.coarse == 0
        assert {(2, 39), (1, 3), (2, 0)} <= units.keys()
        assert facts["shown"] == [2, 39]
        assert {one[3] for one in facts["units"] if (one[0], one[1]) in {(2, 39), (1, 3), (2, 0)}} == {neuron_page.FINE}
        told.append((kept.fine + kept.coarse, kept.steps))
    assert told[0] == (80, 31)
    assert told[-1] == (3, neuron_page.CROWDED)
    assert told == sorted(told, key=lambda one: (-one[0], -one[1]))
    assert len(set(told)) == 7


def test_those_that_vary_most_stay(tmp_path, monkeypatch):
    page = made(list("abcdefgh") * 250, hidden=40, found=[])
    monkeypatch.setattr(neuron_page, "MOST_BYTES", 34_000)
    *_, units, kept = written(tmp_path, page)
    assert 0 < kept.coarse < 79
    deviations = {(layer + 1, unit): page.values[layer, unit].std() for layer in range(2) for unit in range(40)}
    stay = units.keys() - {(1, 0)}  # which is there to be shown first
    assert min(deviations[one] for one in stay) >= max(deviations[one] for one in deviations.keys() - units.keys())


def test_units_that_never_change_and_texts_of_one_symbol(tmp_path):
    page = made(["a", "b"], values=np.zeros((1, 4, 2), np.float32), found=[])
    *_, units, _ = written(tmp_path, page)
    assert all((values == 0).all() for values, _ in units.values())
    page = made(["a"], found=[])
    *_, units, _ = written(tmp_path, page)
    assert len(units) == 10


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(SettingError, match=r"^page must end in .html, got .*a.txt$"):
        write_neuron_page(tmp_path / "a.txt", made(["a"]))
    with pytest.raises(StorageError, match="there is no folder"):
        write_neuron_page(tmp_path / "no" / "a.html", made(["a"]))


# In a browser


class Spans(HTMLParser):
    """The text's spans and what was said, in the page as a browser wrote it out."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.spans: list[tuple[set[str], str]] = []
        self.said, self.lines, self.inside = "", 0, ""
        self.is_text = False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        own = dict(attrs)
        self.inside = own.get("id") or tag
        self.is_text |= own.get("id") == "text"
        self.is_text &= tag not in ("noscript", "table")
        if self.is_text and tag == "span":
            self.spans.append((set((own.get("class") or "").split()), ""))
        self.lines += self.is_text and own.get("class") == "line"

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside == "span" and self.is_text:
            self.spans[-1] = (self.spans[-1][0], self.spans[-1][1] + data)
        if self.inside == "said":
            self.said += data


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium to open the page in")
@pytest.mark.parametrize("steps", ["fine", "coarse"])
def test_a_browser_draws_the_text_in_the_colours_of_the_unit(tmp_path, steps):
    """The page's own script, without an error: a span for each symbol, of the class that its value has."""
    symbols = [*HOSTILE, *(f"w{number}" for number in range(300)), "\n"]
    page = made(symbols, title="</script>", found=[] if steps == "coarse" else [FoundUnit("x", 1, (2, 4), 0.2, 0.1, None)])
    write_neuron_page(tmp_path / "a.html", page)
    if steps == "coarse":  # as if the unit shown first were not among the fine ones
        html = (tmp_path / "a.html").read_text(encoding="utf-8")
        (tmp_path / "a.html").write_text(html.replace('"shown":[1,0]', '"shown":[2,4]'), encoding="utf-8")
    *_, units = decoded(Parsed((tmp_path / "a.html").read_text(encoding="utf-8")))
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--enable-logging=stderr"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / 'user'}"]
    command += ["--virtual-time-budget=5000", "--dump-dom", (tmp_path / "a.html").as_uri()]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "CONSOLE" not in result.stderr
    found = Spans(result.stdout)
    assert found.said == f"Unit 2:4, in {63 if steps == 'fine' else 31} steps."
    assert [text for _, text in found.spans] == list(map(visible, symbols))
    values, half_step = units[2, 4]
    scale = half_step * ((63 if steps == "fine" else 31) - 1)
    for (classes, _), value in zip(found.spans, values, strict=True):
        tenth = int(np.floor(np.float32(value) / scale * 10 + 0.5))
        near = {tenth, *(round(value / scale * 10 + small) for small in (-1e-4, 1e-4))}
        assert (classes - {"sign"} or {""}) <= {f"p{one}" if one > 0 else f"n{-one}" if one else "" for one in near}
    assert found.lines == 1 + sum(LINE_END in visible(symbol) for symbol in symbols[:-1]) + 1  # and one for a start symbol
