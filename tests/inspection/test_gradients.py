"""`charnn inspect gradients`: norms of a loss's gradient by earlier states, and what clipping does."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from charnn.cells.settings import StackSettings
from charnn.cli.main import main
from charnn.inspection.gradients import (
    Reach,
    Unrolled,
    clipping_facts,
    gradient_norms,
    groups,
    reach_chart,
    state_norms,
    unrolled_lag,
    unrolled_text,
    windows_of,
)
from charnn.inspection.memory import PROBLEMS, LagBatches, LagTask, enlarge, lag_stack
from charnn.layers.stack import RecurrentStack
from tests.models import TEXT, running_text, small_model
from tests.networks import CELLS

every_cell = pytest.mark.parametrize("kind", CELLS.values(), ids=CELLS)


def inspect_gradients(*arguments: object):
    return CliRunner().invoke(main, ["inspect", "gradients", *map(str, arguments)])


def tiny(kind, layers=2, time=4, batch=2, **changes):
    """A stack in double precision and the square of the sum of its last output as loss."""
    torch.manual_seed(0)
    settings = StackSettings(cell=kind.cell, activation=kind.activation, hidden_size=3, layers=layers, **changes)
    stack = RecurrentStack(2, settings).double()
    inputs = torch.rand(batch, time, 2, dtype=torch.float64)
    return Unrolled(stack, inputs, stack.start(batch), lambda last: last.sum(1).square())


def by_differences(unrolled, steps_back):
    """The norm of each sequence's gradient by the state so many steps before the last, found by moving every number of it a little."""
    stack, inputs, width = unrolled.stack, unrolled.inputs, 1e-6
    with torch.no_grad():
        _, state = stack(inputs[:, : inputs.shape[1] - steps_back], unrolled.start)
        rest = inputs[:, inputs.shape[1] - steps_back :]
        squares = torch.zeros(len(inputs), dtype=torch.float64)
        for part in state:
            for layer in range(part.shape[0]):
                for unit in range(part.shape[2]):
                    found = []
                    for move in (width, -width):
                        part[layer, :, unit] += move
                        found.append(unrolled.losses(stack(rest, state)[0][:, -1]))
                        part[layer, :, unit] -= move
                    squares += ((found[0] - found[1]) / (2 * width)).square()
    return squares.sqrt()


@every_cell
def test_norms_are_those_found_by_moving_each_number_of_the_state(kind):
    unrolled = tiny(kind, layer_norm=True, residual=True)
    norms = state_norms(unrolled)
    assert norms.shape == (2, 4)
    for steps_back in (1, 2, 3):
        assert np.allclose(norms[:, steps_back], by_differences(unrolled, steps_back), rtol=1e-5)


def test_sequences_are_unrolled_in_groups_that_leave_none_out():
    settings = StackSettings(hidden_size=1024, layers=2)
    found = groups(5, 1000, settings)
    assert [list(range(5))[part] for part in found] == [[0, 1], [2, 3], [4]]
    assert groups(3, 10_000, settings) == [slice(0, 1), slice(1, 2), slice(2, 3)]


@every_cell
def test_at_the_last_step_it_is_the_gradient_by_the_output(kind):
    unrolled = tiny(kind)
    outputs, _ = unrolled.stack(unrolled.inputs)
    assert np.allclose(state_norms(unrolled)[:, 0], (2 * outputs[:, -1].sum(1).abs() * math.sqrt(3)).detach())


def test_a_sequence_s_norm_does_not_depend_on_its_neighbours():
    unrolled = tiny(CELLS["lstm"], batch=3)
    alone = unrolled._replace(inputs=unrolled.inputs[1:2], start=unrolled.stack.start(1))
    assert np.allclose(state_norms(unrolled)[1], state_norms(alone)[0])


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_identity_weights_times_a_number_shrink_or_grow_by_it_at_every_step(scale):
    """The text-book case: without gates and squashing the gradient is a power."""
    unrolled = tiny(CELLS["rnn-relu"], layers=1, time=40)
    with torch.no_grad():
        for name, weight in unrolled.stack.named_parameters():
            weight.copy_(torch.eye(3) if "hidden_to_gates" in name else torch.ones_like(weight))
    enlarge(unrolled.stack, scale)
    norms = state_norms(unrolled)
    assert np.allclose(norms / norms[:, :1], scale ** np.arange(40.0), rtol=1e-9)


def test_norms_are_found_beyond_what_float32_holds():
    """An identity network with recurrent weights of 1.5 grows by 1e88 in 500 steps, with weights of a half it shrinks by 1e-150."""
    for scale in (0.5, 1.5):
        task = LagTask(PROBLEMS["adding"], lag_stack("rnn-relu", 3, None), 1)
        with torch.no_grad():
            for name, weight in task.network.named_parameters():
                weight.copy_(scale * torch.eye(3) if "hidden_to_gates" in name else torch.ones_like(weight))
        norms = state_norms(unrolled_lag(task, PROBLEMS["adding"].draw(501, 2, np.random.default_rng(0))))
        assert np.allclose(norms / norms[:, :1], scale ** np.arange(501.0), rtol=1e-9, atol=0)


def test_a_text_s_windows_are_read_from_an_empty_state_and_their_last_token_is_the_loss():
    model = small_model(cell="lstm")
    windows = windows_of(model.tokenizer.encode(TEXT), 5, 4)
    unrolled = unrolled_text(model.network, windows)
    outputs, _ = model.network(torch.from_numpy(windows[:, :-1]))
    expected = model.network.losses(outputs[:, -1], torch.from_numpy(windows[:, -1]))
    assert torch.allclose(unrolled.losses(unrolled.stack(unrolled.inputs, unrolled.start)[0][:, -1]), expected, atol=1e-6)
    assert state_norms(unrolled).shape == (4, 6)


@pytest.mark.parametrize(("length", "begins"), [(12, [0]), (13, [0, 1]), (32, [0, 10, 20])])
def test_windows_are_spread_over_the_text_from_its_begin_to_its_end(length, begins):
    assert windows_of(np.arange(length), 10, 3).tolist() == [list(range(begin, begin + 12)) for begin in begins]


def reach_of(norms):
    return Reach("gru", True, np.array(norms), clipping_facts([0.5, 3.0, 2.0, math.inf], 2.0))


def test_what_is_left_is_a_fraction_of_the_first_norm():
    reach = reach_of([2.0, 1.0, *[0.5] * 8, 1e-4, 0.0, 1e-5])
    assert reach.name == "gru trained"
    assert reach_of([1.0, 0.5]).facts()["vanished"] is None
    facts = json.loads(json.dumps(reach.facts()))
    assert facts["shares"] == {"1": 0.5, "10": 5e-5}
    assert facts["vanished"] == 10
    assert len(list(reach_chart([reach], "a text").lines[0].points())) == 12  # a fraction of 0 has no place


def test_gradients_that_are_not_finite_are_null():
    facts = reach_of([1.0, math.inf, math.nan]).facts()
    assert facts["norms"] == [1.0, None, None]
    assert facts["vanished"] is None


def test_clipping_shortens_what_is_longer_and_leaves_the_rest():
    facts = clipping_facts([0.5, 3.0, 2.0, 8.0], 2.0)
    assert facts == {"median_before": 2.5, "median_after": 2.0, "largest_before": 8.0, "largest_after": 2.0, "clipped": 0.5}
    assert clipping_facts([0.5, 3.0], None)["largest_after"] == 3.0
    assert clipping_facts([0.5, 3.0], None)["clipped"] == 0
    assert clipping_facts([math.nan, 0.5], 2.0)["clipped"] == 0.5


def test_norms_before_clipping_are_those_of_the_batches_and_nothing_is_changed():
    problem = PROBLEMS["adding"]
    task, batches = LagTask(problem, lag_stack("gru", 6, None), 1), LagBatches(problem, 5, 4, 1)
    before = [weight.clone() for weight in task.network.parameters()]
    found = gradient_norms(task, batches.since(0), 3)
    expected = []
    for _, batch in zip(range(3), batches.since(0), strict=False):
        gradients = torch.autograd.grad(problem.losses(task.network(batch.inputs), batch.targets).mean(), list(task.network.parameters()))
        expected.append(math.sqrt(sum(float(one.double().square().sum()) for one in gradients)))
    assert found == pytest.approx(expected, rel=1e-5)
    assert all(torch.equal(one, other) and other.grad is None for one, other in zip(before, task.network.parameters(), strict=True))


def test_nothing_is_dropped_while_gradients_are_measured(tmp_path):
    model = small_model(dropout=0.5)
    text = running_text(model, tmp_path)
    twice = [gradient_norms(model, model.batches_of(text).since(0), 3) for _ in range(2)]
    assert twice[0] == twice[1]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model of a sentence, and the sentence."""
    folder = tmp_path_factory.mktemp("gradients")
    (folder / "text.txt").write_text(TEXT)
    sizes = ["--hidden-size", 8, "--batch-size", 4, "--window", 16, "--validations", 1, "--steps", 20]
    result = CliRunner().invoke(main, ["train", "lm", str(folder / "text.txt"), "--to", str(folder / "run"), "--quiet", *map(str, sizes)])
    assert result.exit_code == 0, result.output
    return folder / "run"


def test_a_run_is_compared_with_its_untrained_self(run, tmp_path):
    options = ["--steps", 20, "--sequences", 3, "--batches", 4, "--plot", tmp_path / "a.svg"]
    result = inspect_gradients(run, run.parent / "text.txt", *options)
    assert result.exit_code == 0, result.output
    chart, left, clipped = result.stdout.split("\n\n")
    title = f"Gradient of the last step's loss by the state k steps back: {run} on {run.parent / 'text.txt'}"
    assert chart.replace("\n", " ").startswith(title)
    assert [line.split("  ")[0] for line in left.splitlines()] == ["fraction of the norm left", "gru untrained", "gru trained"]
    assert left.splitlines()[0].split("  ")[1:] == ["k = 1", "k = 10", "below 1e-4 from"]
    assert [line.split("  ")[0] for line in clipped.splitlines()] == ["gradient by all weights", "gru untrained", "gru trained"]
    assert result.stderr == f"Wrote {tmp_path / 'a.svg'}.\n"


def test_unknown_symbols_are_named_and_json_holds_the_documented_keys(run, tmp_path):
    (tmp_path / "other.txt").write_text(TEXT + "Ä\u202e\n")
    result = inspect_gradients(run, tmp_path / "other.txt", "--steps", 7, "--batches", 2, "--clip-norm", 0.01, "--json")
    assert result.stderr == "Warning: the model does not know 'Ä', '\\u202e'; read as unknown.\n"
    facts = json.loads(result.stdout)
    assert list(facts) == ["data", "steps", "clip_norm", "scale", "networks"]
    assert (facts["steps"], facts["clip_norm"]) == (7, 0.01)
    assert [(one["name"], one["cell"], one["trained"]) for one in facts["networks"]] == [
        ("gru untrained", "gru", False),
        ("gru trained", "gru", True),
    ]
    assert [list(one["shares"]) for one in facts["networks"]] == [["1"], ["1"]]
    assert facts["networks"][0]["norms"] != facts["networks"][1]["norms"]
    assert len(facts["networks"][0]["norms"]) == 8
    assert facts["networks"][0]["clipping"]["clipped"] == 1


def test_cells_are_compared_before_and_after_training():
    options = ["--lag", 12, "--hidden-size", 6, "--updates", 3, "--batches", 2, "--sequences", 4, "--json"]
    result = inspect_gradients("--cell", "rnn", "--cell", "lstm,gru", *options)
    facts = json.loads(result.stdout)
    assert facts["data"] == "adding problem, lag 12"
    assert facts["steps"] == 11
    assert [one["name"] for one in facts["networks"]] == [
        f"{cell} {state}" for cell in ("rnn", "lstm", "gru") for state in ("untrained", "trained")
    ]
    assert [line.split(" after ")[0] for line in result.stderr.splitlines()] == ["rnn: not solved", "lstm: not solved", "gru: not solved"]
    shorter = json.loads(inspect_gradients("--cell", "rnn", "--steps", 5, *options).stdout)
    assert shorter["networks"][0]["norms"] == facts["networks"][0]["norms"][:6]


def test_large_recurrent_weights_explode_and_clipping_shortens_their_gradient():
    options = ["--cell", "rnn-relu", "--lag", 50, "--scale", 1.5, "--updates", 1, "--batches", 2, "--json"]
    network = json.loads(inspect_gradients(*options).stdout)["networks"][0]
    assert network["shares"]["10"] > 1.3**10
    assert network["clipping"]["largest_before"] > 1e5
    assert network["clipping"]["largest_after"] == 1
    assert network["clipping"]["clipped"] == 1


def test_cells_learn_a_text_and_are_looked_at_in_its_end(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    options = ["--steps", 15, "--hidden-size", 6, "--updates", 4, "--batches", 2, "--batch-size", 4, "--json"]
    result = inspect_gradients("--cell", "rnn-relu,gru", tmp_path / "text.txt", *options)
    facts = json.loads(result.stdout)
    assert facts["data"] == str(tmp_path / "text.txt")
    assert [one["cell"] for one in facts["networks"]] == ["rnn-relu", "rnn-relu", "gru", "gru"]
    assert [len(one["norms"]) for one in facts["networks"]] == [16] * 4
    assert [line.split(" and ")[0] for line in result.stderr.splitlines()] == [
        f"{cell}: trained for 4 updates" for cell in ("rnn-relu", "gru")
    ]


MISSING = (
    "Error: {folder}/missing.txt: no such file; give a file, a folder, - for standard input, or a built-in corpus: "
    "python-docs, python-code, sentiment, entities, phrasebook, cosine.\n"
)


def test_a_model_of_documents_has_no_text_of_its_own(tmp_path):
    (tmp_path / "names.txt").write_text("anna\notto\n" * 30)
    sizes = ["--hidden-size", "8", "--validations", "1", "--steps", "5", "--quiet", "--documents", "lines"]
    result = CliRunner().invoke(main, ["train", "lm", str(tmp_path / "names.txt"), "--to", str(tmp_path / "run"), *sizes])
    assert result.exit_code == 0, result.output
    result = inspect_gradients(tmp_path / "run")
    assert result.exit_code == 2
    assert result.stderr.endswith(f"Error: {tmp_path / 'run'} was trained on documents; name a FILE of documents.\n")
    assert inspect_gradients(tmp_path / "run", tmp_path / "names.txt", "--steps", 9, "--batches", 1).exit_code == 0


def bad_inputs():
    needed = "and looking 1,000 steps back needs 1,002; give more text or a smaller --steps.\n"
    text = "Error: {folder}/short.txt has 5 tokens, " + needed
    end = "Error: the last tenth of {folder}/text.txt has 177 tokens, " + needed
    return [
        (["{folder}/run", "{folder}/short.txt"], text),
        (["--cell", "gru", "{folder}/text.txt"], end),
        (["--cell", "gru", "--steps", "200"], "Error: --steps must be below the 200 steps of --lag, got 200.\n"),
        (["--cell", "gru", "{folder}/text.txt", "--lag", "20"], "Error: --lag has no effect on a text; leave it out.\n"),
        (
            ["{folder}/run", "--minutes", "2"],
            "Error: --minutes has no effect on a trained model; leave it out, or compare cells with --cell.\n",
        ),
        (["--cell", "gru", "{folder}/run", "a"], "Error: --cell takes one FILE at most, and no RUN.\n"),
        (["{folder}/run", "a", "b"], "Error: give one RUN and one FILE at most.\n"),
        (["--cell", "gru", "{folder}/missing.txt"], MISSING),
        (["--lag", "1"], "Error: Invalid value for '--lag': 1 is not in the range 2<=x<=10000.\n"),
    ]


@pytest.mark.parametrize(("arguments", "said"), bad_inputs())
def test_bad_input_ends_in_one_sentence(run, arguments, said):
    (run.parent / "short.txt").write_text("the ")
    result = inspect_gradients(*(one.format(folder=run.parent) for one in arguments))
    assert result.exit_code
    assert result.stdout == ""
    assert result.stderr.endswith(said.format(folder=run.parent))
