"""Node states, propagation, losses and negative sampling: what learns."""
