"""Baselines: models that count, which a network has to beat."""
