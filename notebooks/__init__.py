"""Notebooks that show graphrec at work; not installed."""
