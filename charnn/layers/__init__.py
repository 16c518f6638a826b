"""Parts of networks and losses in torch, the same for all tasks."""
