import itertools

import pytest
import torch

from charnn.layers.output import TAG_OUTPUTS, Crf
from charnn.tasks.tagger.settings import TaggerNetworkSettings

TAGS = 3
LENGTHS = torch.tensor([4, 1, 3, 0])
MASK = torch.arange(4) < LENGTHS[:, None]
LEGAL = (
    torch.tensor([[True, False, True], [True, True, False], [True, True, True]]),
    torch.tensor([True, False, True]),
    torch.tensor([True, True, False]),
)
OUTSIDE, BEGIN, INSIDE = range(3)
BIO = (
    torch.tensor([[True, True, False], [True, True, True], [True, True, True]]),
    torch.tensor([True, True, False]),
    torch.tensor([True, True, True]),
)

every_output = pytest.mark.parametrize("output", TAG_OUTPUTS)
legal_or_not = pytest.mark.parametrize("legal", [None, LEGAL], ids=["all", "legal"])


def output_of(output, legal=None):
    torch.manual_seed(1)
    module = TAG_OUTPUTS[output](TAGS, legal).double()
    with torch.no_grad():
        for weight in module.parameters():
            weight.normal_()
    return module


def sentences():
    generator = torch.Generator().manual_seed(2)
    scores = torch.randn(4, 4, TAGS, generator=generator, dtype=torch.float64)
    return scores, torch.tensor([[2, 0, 2, 1], [0, -1, 9, 9], [0, 0, 0, 9], [9, 9, 9, 9]])  # padding has any id


def is_legal(path, legal):
    if legal is None:
        return True
    neighbours, first, last = legal
    return bool(first[path[0]] and last[path[-1]] and all(neighbours[pair] for pair in itertools.pairwise(path)))


def written_out(module, scores, path, legal):
    """The score of one sequence for one sentence: Lample et al. 2016, eq. 1; a softmax output has no transitions."""
    total = sum(score[tag] for score, tag in zip(scores, path, strict=True))
    if isinstance(module, Crf):
        total = total + module.start[path[0]] + module.end[path[-1]]
        total = total + sum(module.transitions[pair] for pair in itertools.pairwise(path))
    return total


def every_path(module, scores, legal):
    """Every sequence that may be, and its score. A softmax output rules nothing out when it gives probabilities."""
    paths = [path for path in itertools.product(range(TAGS), repeat=len(scores)) if is_legal(path, legal)]
    return paths, torch.stack([written_out(module, scores, path, legal) for path in paths])


def test_every_output_of_the_settings_is_built():
    found = {name for name in TAG_OUTPUTS if TaggerNetworkSettings(output=name)}
    assert found == set(TAG_OUTPUTS) == {"crf", "softmax"}


@every_output
@legal_or_not
def test_losses_equal_a_sum_over_all_sequences(output, legal):
    module, (scores, tags) = output_of(output, legal), sentences()
    losses = module.losses(scores, tags, MASK)
    for row, length in enumerate(LENGTHS.tolist()[:3]):
        _, totals = every_path(module, scores[row, :length], legal if output == "crf" else None)
        expected = totals.logsumexp(0) - written_out(module, scores[row, :length], tags[row, :length].tolist(), legal)
        torch.testing.assert_close(losses[row], expected)
    assert losses[3] == 0


@every_output
@legal_or_not
def test_decode_finds_the_best_of_all_legal_sequences(output, legal):
    module, (scores, _) = output_of(output, legal), sentences()
    found = module.decode(scores, MASK)
    assert found.dtype == torch.int64
    for row, length in enumerate(LENGTHS.tolist()[:3]):
        paths, totals = every_path(module, scores[row, :length], legal)
        assert found[row].tolist() == list(paths[int(totals.argmax())]) + [0] * (4 - length)
    assert not found[3].any()


@every_output
@legal_or_not
def test_marginals_are_sums_over_all_sequences(output, legal):
    module, (scores, _) = output_of(output, legal), sentences()
    found = module.marginals(scores, MASK)
    for row, length in enumerate(LENGTHS.tolist()[:3]):
        paths, totals = every_path(module, scores[row, :length], legal if output == "crf" else None)
        expected = torch.zeros(length, TAGS, dtype=torch.float64)
        for path, probability in zip(paths, totals.softmax(0).detach(), strict=True):
            expected[torch.arange(length), list(path)] += probability
        torch.testing.assert_close(found[row, :length], expected)
    assert not found[~MASK].any()
    assert not found.requires_grad or output == "softmax"


@every_output
@legal_or_not
def test_gradients_equal_finite_differences(output, legal):
    module, (scores, tags) = output_of(output, legal), sentences()
    weights = dict(module.named_parameters())

    def losses(scores, *values):
        return torch.func.functional_call(_Losses(module), dict(zip(_names(weights), values, strict=True)), (scores, tags))

    parts = [scores, *(weight.detach().clone() for weight in weights.values())]
    assert torch.autograd.gradcheck(losses, [part.requires_grad_() for part in parts])


class _Losses(torch.nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, scores, tags):
        return self.module.losses(scores, tags, MASK)


def _names(weights):
    return [f"module.{name}" for name in weights]


@every_output
@legal_or_not
def test_a_sentence_alone_equals_the_sentence_in_a_batch_with_padding(output, legal):
    module, (scores, tags) = output_of(output, legal), sentences()
    for row, length in enumerate(LENGTHS.tolist()):
        own = scores[row : row + 1, :length], MASK[row : row + 1, :length]
        torch.testing.assert_close(module.losses(own[0], tags[row : row + 1, :length], own[1])[0], module.losses(scores, tags, MASK)[row])
        assert (module.decode(*own)[0] == module.decode(scores, MASK)[row, :length]).all()
        torch.testing.assert_close(module.marginals(*own)[0], module.marginals(scores, MASK)[row, :length])


@every_output
def test_an_illegal_sequence_never_comes_out_however_much_the_scores_want_it(output):
    module = TAG_OUTPUTS[output](3, BIO)
    scores = 1e6 * torch.randn(200, 9, 3, generator=torch.Generator().manual_seed(3))
    scores[:100, :, INSIDE] += 1e7
    found = module.decode(scores, torch.ones(200, 9, dtype=torch.bool))
    assert all(is_legal(path, BIO) for path in found.tolist())
    assert (found == INSIDE).any()


def test_a_crf_gives_illegal_tags_no_probability():
    crf = Crf(3, BIO)
    probabilities = crf.marginals(torch.randn(5, 4, 3), torch.ones(5, 4, dtype=torch.bool))
    assert not probabilities[:, 0, INSIDE].any()
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(5, 4))


def test_an_illegal_sequence_in_the_data_has_a_loss_that_is_a_number():
    crf = Crf(3, BIO)
    losses = crf.losses(torch.zeros(1, 2, 3), torch.tensor([[OUTSIDE, INSIDE]]), torch.ones(1, 2, dtype=torch.bool))
    losses.sum().backward()
    assert losses.isfinite().all()
    assert all(weight.grad.isfinite().all() for weight in crf.parameters())


def test_a_crf_learns_what_follows_what():
    """The scores say nothing: the tags alternate, and which comes first is known."""
    torch.manual_seed(4)
    crf, tags = Crf(2), torch.tensor([[0, 1, 0, 1, 0], [0, 1, 0, 1, 0]])
    scores, mask = torch.zeros(2, 5, 2), torch.ones(2, 5, dtype=torch.bool)
    optimizer = torch.optim.Adam(crf.parameters(), 0.3)
    for _ in range(30):
        optimizer.zero_grad()
        crf.losses(scores, tags, mask).sum().backward()
        optimizer.step()
    assert crf.decode(scores, mask).tolist() == tags.tolist()
    assert crf.losses(scores, tags, mask).max() < 0.1


@every_output
def test_what_is_legal_is_not_saved(output):
    """It follows from the tags' names, which a model file contains."""
    assert set(TAG_OUTPUTS[output](3, BIO).state_dict()) == {name for name, _ in TAG_OUTPUTS[output](3, BIO).named_parameters()}
