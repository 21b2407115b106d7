"""The explorer: a page on which the way from logits to decisions can be seen and dragged."""
