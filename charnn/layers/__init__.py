"""Ids to numbers: networks and losses, in torch."""
