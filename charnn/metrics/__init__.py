"""Plain numbers in, plain numbers out: how good a model is."""
