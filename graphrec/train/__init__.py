"""Training: the data as tensors, the one loop, and what validation chooses."""
