"""Building blocks in torch and PyG only: embeddings, propagation, losses, sampling, the model."""
