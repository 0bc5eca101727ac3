"""A trained model at work: saved, loaded and asked."""
