"""Surveys after a project: what starts them, whom they ask, how they end, what staff see (product.md W16)."""
