"""Metadata -> node features, watches -> edges: the bipartite user-movie graph."""
