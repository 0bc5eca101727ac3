"""Settings and the one training loop."""
