from dataclasses import replace

import pytest
import torch

from charnn.cells.settings import StackSettings
from charnn.layers.encoder import Encoder, reverse, within
from charnn.layers.settings import EncoderSettings
from tests.networks import CELLS

LENGTHS = torch.tensor([7, 1, 4])
UNITS = 5

every_cell = pytest.mark.parametrize("cell", CELLS)
both_ways = pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both"])


def encoder_of(cell, bidirectional=True):
    torch.manual_seed(1)
    stack = StackSettings(cell=CELLS[cell].cell, activation=CELLS[cell].activation, layers=2, hidden_size=6, initial_state="learned")
    encoder = Encoder(UNITS, EncoderSettings(stack, bidirectional=bidirectional)).eval()
    with torch.no_grad():
        for weight in encoder.parameters():
            weight += 0.1 * torch.randn_like(weight)
    return encoder


def texts():
    return torch.randn(3, 7, UNITS, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("shape", [(3, 7), (3, 7, 2)])
def test_reversing_twice_changes_nothing(shape):
    x = torch.randn(shape)
    assert (reverse(reverse(x, LENGTHS), LENGTHS) == x).all()


@pytest.mark.parametrize("shape", [(3, 7), (3, 7, 2)])
def test_each_row_is_reversed_within_its_length_and_padding_stays(shape):
    x = torch.randn(shape)
    for row, found, length in zip(x, reverse(x, LENGTHS), LENGTHS, strict=True):
        assert (found == torch.cat([row[:length].flip(0), row[length:]])).all()


def test_the_gradient_of_a_reversal_is_reversed():
    x = texts().requires_grad_()
    outer = torch.randn_like(x)
    (found,) = torch.autograd.grad(reverse(x, LENGTHS), x, outer)
    assert (found == reverse(outer, LENGTHS)).all()


def test_within_is_true_where_there_is_a_token():
    assert within(torch.tensor([2, 0]), 3).tolist() == [[True, True, False], [False, False, False]]


@every_cell
@both_ways
def test_a_row_alone_equals_the_row_in_a_batch_with_padding(cell, bidirectional):
    encoder, x = encoder_of(cell, bidirectional), texts()
    together = encoder(x, LENGTHS)
    assert together.shape == (3, 7, encoder.output_size)
    for row, length in enumerate(LENGTHS):
        alone = encoder(x[row : row + 1, :length], LENGTHS[row : row + 1])
        torch.testing.assert_close(together[row, :length], alone[0], atol=1e-6, rtol=1e-5)


@every_cell
def test_padding_has_no_part_in_any_gradient(cell):
    encoder, x = encoder_of(cell), texts().requires_grad_()
    mask = within(LENGTHS, 7)[..., None]
    (slopes,) = torch.autograd.grad((encoder(x, LENGTHS) * mask).square().sum(), x)
    assert (slopes != 0).any(-1).tolist() == mask[..., 0].tolist()


@every_cell
def test_the_backward_stack_reads_the_reversed_text(cell):
    """Both directions with the same weights: what they say about a text and its mirror image is mirrored."""
    encoder, x = encoder_of(cell), texts()
    encoder.backward_stack.load_state_dict(encoder.forward_stack.state_dict())
    forward, backward = encoder(x, LENGTHS).chunk(2, -1)
    mirrored_forward, mirrored_backward = encoder(reverse(x, LENGTHS), LENGTHS).chunk(2, -1)
    torch.testing.assert_close(reverse(forward, LENGTHS)[within(LENGTHS, 7)], mirrored_backward[within(LENGTHS, 7)])
    torch.testing.assert_close(reverse(backward, LENGTHS)[within(LENGTHS, 7)], mirrored_forward[within(LENGTHS, 7)])


@both_ways
def test_texts_without_tokens_have_no_outputs(bidirectional):
    encoder = encoder_of("gru", bidirectional)
    assert encoder(torch.empty(2, 0, UNITS), torch.zeros(2, dtype=torch.int64)).shape == (2, 0, encoder.output_size)


def test_the_directions_have_separate_weights():
    encoder = encoder_of("gru")
    assert [stack is found for stack, found in zip((encoder.forward_stack, encoder.backward_stack), encoder.stacks, strict=True)] == [
        True
    ] * 2
    assert len(list(encoder.parameters())) == 2 * len(list(encoder.forward_stack.parameters()))
    assert len(Encoder(UNITS, replace(EncoderSettings(), bidirectional=False)).stacks) == 1
