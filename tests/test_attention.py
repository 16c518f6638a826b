"""Attention in a terminal: what is drawn at which width, and that it stays aligned. Attention as a layer: the laws of all kinds."""

import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from rich.cells import cell_len
from torch import Tensor, nn

from charnn.alignment import Alignment
from charnn.architecture import ATTENTIONS
from charnn.cli.attention import drawn
from charnn.layers.attention import MAKERS, Attention

SMALL = Alignment(("Ein", "rotes", "Rad"), ("A", "red", "bike"), np.array([[0.8, 0.15, 0.05], [0.04, 0.5, 0.46], [0.0, 0.3, 0.7]]))

SMALL_DRAWN = """\
       r
       o
     E t R
     i e a
     n s d
   A ██░░░░
 red   ▓▓▓▓
bike   ▒▒██

░ ≥5%  ▒ ≥20%  ▓ ≥40%  █ ≥70%"""

LONG = Alignment(
    ("ich", "trinke", "grünen", "Tee", "mit", "dir", "jetzt", ",", "ja", "."),
    ("I", "tea"),
    np.array([[0.9, 0.04, 0, 0, 0, 0, 0, 0, 0, 0.06], [0.05, 0.1, 0.25, 0.6, 0, 0, 0, 0, 0, 0]]),
)

LONG_IN_20 = """\
             1
    1234567890
  I █        ░
tea ░░▒▓

1 ich  2 trinke
3 grünen  4 Tee
5 mit  6 dir
7 jetzt  8 ,  9 ja
10 ."""

LONG_IN_12 = """\
I    90% ic…
tea  60% Te…"""

WIDE_DRAWN = """\
     中 t
     文 e\u0301
我们 ███
👍ok ▓▓▓▓▓▓"""


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No terminal, 80 columns, until a test says otherwise."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    return monkeypatch


def in_colour(terminal: pytest.MonkeyPatch) -> None:
    for name, value in {"FORCE_COLOR": "1", "COLORTERM": "truecolor", "TERM": "xterm-256color"}.items():
        terminal.setenv(name, value)


def random(rows: int, columns: int) -> Alignment:
    words = [f"{'word' * (number % 4)}{number}" for number in range(max(rows, columns))]
    return Alignment(tuple(words[:columns]), tuple(words[:rows]), np.random.default_rng(0).dirichlet(np.full(columns, 0.1), rows))


def test_words_stand_above_the_columns() -> None:
    assert drawn(SMALL) == SMALL_DRAWN


def test_numbers_stand_above_the_columns_where_words_do_not_fit(terminal: pytest.MonkeyPatch) -> None:
    terminal.setenv("COLUMNS", "20")
    assert drawn(LONG).rsplit("\n", 1)[0] == LONG_IN_20


def test_a_list_is_left_where_no_columns_fit(terminal: pytest.MonkeyPatch) -> None:
    terminal.setenv("COLUMNS", "12")
    assert drawn(LONG) == LONG_IN_12
    terminal.setenv("COLUMNS", "40")
    five_times = Alignment(LONG.source * 5, LONG.target, np.hstack([LONG.weights, np.zeros((2, 40))]))
    assert drawn(five_times) == "I    90% ich  6% .  4% trinke\ntea  60% Tee  25% grünen  10% trinke"


def test_wide_letters_and_accents_stay_aligned() -> None:
    found = drawn(Alignment(("中文", "te\u0301"), ("我们", "👍ok"), np.array([[0.96, 0.04], [0.4, 0.6]])))
    assert found.rsplit("\n\n", 1)[0] == WIDE_DRAWN


def test_long_words_are_cut(terminal: pytest.MonkeyPatch) -> None:
    found = drawn(Alignment(("Donaudampfschifffahrt",), ("Rindfleischetikettierungsüberwachung",), np.ones((1, 1)))).split("\n")
    assert "".join(line.strip() for line in found[:16]) == "Donaudampfschif…"
    assert found[16] == "Rindfleischetikettierungs… ██"


@pytest.mark.parametrize("width", [10, 40, 80, 200])
@pytest.mark.parametrize("shape", [(1, 1), (12, 12), (5, 30), (3, 70), (3, 150)])
@pytest.mark.parametrize("is_coloured", [False, True])
def test_no_line_is_wider_than_the_terminal_or_ends_in_a_space(
    terminal: pytest.MonkeyPatch, width: int, shape: tuple[int, int], is_coloured: bool
) -> None:
    if is_coloured:
        in_colour(terminal)
    terminal.setenv("COLUMNS", str(width))
    lines = drawn(random(*shape)).split("\n")
    assert not any(line.endswith(" ") for line in lines)
    without_key = lines if "" not in lines else lines[:-1]
    assert max(cell_len(re.sub("\x1b\\[[0-9;]*m", "", line)) for line in without_key) <= width


def test_twelve_by_twelve_has_words_and_no_numbers_even_in_40_columns(terminal: pytest.MonkeyPatch) -> None:
    terminal.setenv("COLUMNS", "40")
    assert len(drawn(random(12, 12)).split("\n")) == len("wordwordword11") + 12 + 2


def test_a_terminal_gets_colours_the_brighter_the_stronger(terminal: pytest.MonkeyPatch) -> None:
    in_colour(terminal)
    found = drawn(Alignment(("a", "b"), ("c",), np.array([[0.0, 1.0]]))).split("\n")
    assert found[:2] == ["  a b", "c \x1b[48;2;36;36;56m  \x1b[0m\x1b[48;2;255;214;102m  \x1b[0m"]
    assert "█" not in "".join(found)


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_blocks_are_drawn_where_colours_are_unwanted(terminal: pytest.MonkeyPatch, name: str, value: str) -> None:
    in_colour(terminal)
    terminal.setenv(name, value)
    assert drawn(SMALL) == SMALL_DRAWN


def test_words_are_not_markup_and_command_nothing() -> None:
    found = drawn(Alignment(("a",), ("[bold]", ":smile:", "\x1b[31m"), np.ones((3, 1))))
    assert found.split("\n")[1:4] == [" [bold] ██", ":smile: ██", "  \ufffd[31m ██"]


def test_no_words_are_no_drawing() -> None:
    assert drawn(Alignment((), ("a",), np.zeros((1, 0)))) == ""


LENGTHS, SOURCE, TARGET, UNITS = torch.tensor([6, 1, 4]), 6, 5, 4
"""Tokens of each source, places with padding, queries, units of a query; a value has twice as many, of two directions."""

every_attention = pytest.mark.parametrize("kind", MAKERS)

SCORES: dict[str, Callable[..., Tensor]] = {
    "additive": lambda one, query, value: (
        one.hidden_to_score.weight[0]
        @ torch.tanh(one.query_to_hidden.weight @ query + one.query_to_hidden.bias + one.value_to_hidden.weight @ value)
    ),
    "general": lambda one, query, value: query @ (one.value_to_key.weight @ value),
    "dot": lambda one, query, value: query @ (value[:UNITS] + value[UNITS:]),
}
"""How well one query and one value go together, as the papers write it."""


def attention_of(kind: str) -> nn.Module:
    """One whose scores are far enough apart that they matter."""
    torch.manual_seed(1)
    made = MAKERS[kind](UNITS, 2 * UNITS)
    assert isinstance(made, nn.Module)
    made.double()
    with torch.no_grad():
        for weight in made.parameters():
            weight.normal_(std=0.7)
    return made


def queries_and_values() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    shapes = (len(LENGTHS), TARGET, UNITS), (len(LENGTHS), SOURCE, 2 * UNITS)
    queries, values = (torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_() for shape in shapes)
    return queries, values


def looked(attention: Attention, queries: Tensor, values: Tensor, lengths: Tensor = LENGTHS) -> tuple[Tensor, Tensor]:
    return attention(queries, attention.memory(values, torch.arange(values.shape[1]) < lengths[:, None]))


def slopes(attention: nn.Module, found: Tensor, *inputs: Tensor) -> tuple[Tensor | None, ...]:
    """Gradients by inputs and weights of a number that depends on everything found."""
    total = (found * torch.linspace(-1, 1, found.numel(), dtype=found.dtype).view_as(found)).sum()
    return torch.autograd.grad(total, [*inputs, *attention.parameters()], allow_unused=True, retain_graph=True)


def test_every_attention_of_the_settings_is_built_and_tested() -> None:
    assert set(ATTENTIONS) == set(MAKERS) == {*SCORES, "none"}


@every_attention
def test_weights_sum_to_one_and_are_zero_on_padding(kind: str) -> None:
    _, weights = looked(attention_of(kind), *queries_and_values())
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, TARGET, dtype=torch.float64))
    is_padding = (torch.arange(SOURCE) >= LENGTHS[:, None])[:, None].expand_as(weights)
    assert not weights[is_padding].any()
    assert (weights[~is_padding] > 0).all()


@pytest.mark.parametrize("kind", SCORES)
def test_contexts_and_weights_equal_their_written_out_equations(kind: str) -> None:
    attention, (queries, values) = attention_of(kind), queries_and_values()
    contexts, weights = looked(attention, queries, values)
    for row, length in enumerate(LENGTHS.tolist()):
        for time in range(TARGET):
            scores = torch.stack([SCORES[kind](attention, queries[row, time], values[row, place]) for place in range(length)])
            shares = scores.exp() / scores.exp().sum()
            torch.testing.assert_close(weights[row, time, :length], shares)
            torch.testing.assert_close(contexts[row, time], sum(share * value for share, value in zip(shares, values[row], strict=False)))


@every_attention
def test_more_padding_changes_neither_values_nor_gradients(kind: str) -> None:
    attention, (queries, values) = attention_of(kind), queries_and_values()
    contexts, weights = looked(attention, queries, values)
    padding = torch.full((3, 4, 2 * UNITS), 1e6, dtype=torch.float64)
    more_contexts, more_weights = looked(attention, queries, torch.cat([values, padding], 1))
    torch.testing.assert_close(more_contexts, contexts)
    torch.testing.assert_close(more_weights, nn.functional.pad(weights, (0, 4)))
    if kind != "none":
        for found, more in (contexts, more_contexts), (weights, more_weights[..., :SOURCE]):
            torch.testing.assert_close(slopes(attention, more, queries, values), slopes(attention, found, queries, values))


@every_attention
def test_a_source_alone_equals_the_source_in_a_batch(kind: str) -> None:
    attention, (queries, values) = attention_of(kind), queries_and_values()
    contexts, weights = looked(attention, queries, values)
    for row, length in enumerate(LENGTHS):
        alone = slice(row, row + 1)
        own_contexts, own_weights = looked(attention, queries[alone], values[alone, :length], LENGTHS[alone])
        torch.testing.assert_close(own_contexts[0], contexts[row])
        torch.testing.assert_close(own_weights[0], weights[row, :, :length])


@pytest.mark.parametrize("kind", SCORES)
def test_padding_has_no_part_in_any_gradient(kind: str) -> None:
    attention, (queries, values) = attention_of(kind), queries_and_values()
    contexts, _ = looked(attention, queries, values)
    found = slopes(attention, contexts, values)[0]
    assert found is not None
    assert found.any(-1).tolist() == (torch.arange(SOURCE) < LENGTHS[:, None]).tolist()


@every_attention
def test_one_query_at_a_time_finds_what_all_find_together(kind: str) -> None:
    attention, (queries, values) = attention_of(kind), queries_and_values()
    memory = attention.memory(values, torch.arange(SOURCE) < LENGTHS[:, None])
    together = attention(queries, memory)
    steps = [attention(queries[:, time : time + 1], memory) for time in range(TARGET)]
    torch.testing.assert_close(tuple(torch.cat(parts, 1) for parts in zip(*steps, strict=True)), together)


@every_attention
def test_rows_picked_from_a_memory_find_what_they_found_before(kind: str) -> None:
    attention, (queries, values) = attention_of(kind), queries_and_values()
    memory, rows = attention.memory(values, torch.arange(SOURCE) < LENGTHS[:, None]), torch.tensor([2, 0, 0, 1])
    contexts, weights = attention(queries, memory)
    torch.testing.assert_close(attention(queries[rows], memory.pick(rows)), (contexts[rows], weights[rows]))


@every_attention
def test_a_source_without_any_token_gives_numbers_and_gradients_that_are_numbers(kind: str) -> None:
    attention, (queries, values) = attention_of(kind), queries_and_values()
    contexts, weights = looked(attention, queries, values, torch.tensor([6, 0, 4]))
    assert contexts.isfinite().all()
    assert weights.isfinite().all()
    if kind != "none":
        found = [one for one in slopes(attention, contexts, queries, values) if one is not None]
        assert found
        assert all(one.isfinite().all() for one in found)


@pytest.mark.parametrize("kind", SCORES)
@pytest.mark.parametrize("precision", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_scores_far_apart_overflow_in_no_precision(kind: str, precision: torch.dtype) -> None:
    attention, (queries, values) = attention_of(kind).to(precision), queries_and_values()
    with torch.no_grad():
        for weight in attention.parameters():
            weight *= 100
        contexts, weights = looked(attention, 100 * queries.to(precision), 100 * values.to(precision))
    assert contexts.isfinite().all()
    assert not weights[(torch.arange(SOURCE) >= LENGTHS[:, None])[:, None].expand_as(weights)].any()
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, TARGET, dtype=precision), atol=1e-2, rtol=0)


def test_no_attention_has_no_units_and_even_weights() -> None:
    contexts, weights = looked(attention_of("none"), *queries_and_values())
    assert contexts.shape == (3, TARGET, 0)
    assert weights[:, 0].tolist() == [pytest.approx([1 / length] * length + [0] * (SOURCE - length)) for length in LENGTHS.tolist()]
    assert (weights == weights[:, :1]).all()


def test_an_encoder_of_one_direction_is_compared_as_it_is() -> None:
    queries, values = queries_and_values()
    attention = MAKERS["dot"](UNITS, UNITS)
    mask = torch.ones(3, SOURCE, dtype=torch.bool)
    _, weights = attention(queries, attention.memory(values[..., :UNITS], mask))
    torch.testing.assert_close(weights, torch.softmax(queries @ values[..., :UNITS].transpose(1, 2), -1))
