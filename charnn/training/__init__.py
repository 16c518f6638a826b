"""The training loop, its settings, and the folder, the saved state and the card of a run."""
