"""Training runs: data and settings in, a run folder out."""
