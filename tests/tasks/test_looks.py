"""Which words a model looked at: the weights that its label or translation was made with."""

from pathlib import Path

import pytest
import torch

from charnn.layers.encoder import reverse, within
from charnn.layers.pooling import AttentionPool
from charnn.tasks.load import load
from tests.runs import classifier_run, trained
from tests.tools import charnn

TEXT = "no 3 : a fine film , really"


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classifier")
    trained(classifier_run(folder, pooling="attention"))
    return folder / "run"


def test_the_weights_of_a_pooling_are_those_that_it_pools_by() -> None:
    torch.manual_seed(0)
    pool, outputs, lengths = AttentionPool(5), torch.randn(3, 7, 5), torch.tensor([7, 4, 0])
    mask = within(lengths, 7)
    weights = pool.weights(outputs, mask)
    expected = pool.result(pool.add(pool.start(outputs[:, 0]), outputs, mask))
    torch.testing.assert_close((weights[..., None] * outputs).sum(1), expected)
    torch.testing.assert_close(weights.sum(1), torch.tensor([1.0, 1.0, 0.0]))
    assert not weights[~mask].any()


def test_a_label_is_made_of_the_outputs_by_the_weights_that_are_shown(classifier: Path) -> None:
    """The weights of each direction, times its outputs at those words, are what the output layer sees."""
    model = load(classifier)
    texts = model.read([TEXT])
    tokens, lengths = torch.from_numpy(texts.ids)[None], torch.tensor([len(texts.ids)])
    network = model.network
    network.eval()
    with torch.no_grad():
        looks = network.attention_weights(tokens, lengths)
        x, parts = network.embedding(tokens), []
        for number, (stack, turn) in enumerate(zip(network.encoder.stacks, (lambda y, n: y, reverse), strict=False)):
            outputs = turn(stack(turn(x, lengths), stack.start(1))[0], lengths)
            parts.append((looks[:, number, :, None] * outputs).sum(1))
        torch.testing.assert_close(torch.cat(parts, 1), network.pooled(tokens, lengths))


def test_each_word_of_a_text_has_its_share(classifier: Path) -> None:
    found = load(classifier).attention(TEXT).facts
    assert found["words"] == ["no", "3", ":", "a", "fine", "film", ",", "really"]
    assert {name: pytest.approx(sum(row)) for name, row in found["weights"].items()} == dict.fromkeys(found["weights"], 1)
    assert found["label"] == load(classifier).predict([TEXT])[0]["label"]


def test_a_word_that_was_never_seen_is_shown_as_it_stands(classifier: Path, tmp_path: Path) -> None:
    page = tmp_path / "look.html"
    result = charnn("inspect", "attention", classifier, "a Zyx<b>\x1b[1m film", "--plot", page)
    assert result.stderr == f"Wrote {page}.\n"
    assert "\x1b" not in result.stdout
    assert '<th scope="row">zyx</th>' in page.read_text().lower()


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("", [], "the text is empty; give one with words."),
        (" \n", [], "the text is empty; give one with words."),
        ("a", ["--plot", "a.gif"], "--plot must end in .png, .svg or .html, got a.gif."),
    ],
)
def test_what_cannot_be_shown_is_one_sentence(classifier: Path, text: str, options: list[str], said: str) -> None:
    result = charnn("inspect", "attention", classifier, text, *options)
    assert (result.exit_code != 0, result.stdout, result.stderr) == (True, "", f"Error: {said}\n")


def test_models_without_attention_say_so(tmp_path: Path) -> None:
    trained(classifier_run(tmp_path, steps=2, pooling="max"))
    result = charnn("inspect", "attention", tmp_path / "run", "a")
    assert result.stderr == f"Error: {tmp_path / 'run'} was trained with --pooling max; name a model that has --pooling attention.\n"
