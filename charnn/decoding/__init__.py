"""From logits to tokens: sampling rules and beam search."""
