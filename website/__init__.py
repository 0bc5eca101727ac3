"""The documentation site: what mkdocs doesn't do by itself, and its pictures; not installed."""
