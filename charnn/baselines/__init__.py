"""Models that count: what a network has to beat."""
