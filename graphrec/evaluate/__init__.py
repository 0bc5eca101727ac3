"""How good a ranking is, and the models to beat."""
