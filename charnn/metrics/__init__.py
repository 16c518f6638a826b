"""Metrics of models: plain numbers in, plain numbers out."""
