"""Benchmarks: how fast a training step is beside other code, and how it grows with the graph."""

import graphrec as graphrec  # before torch: it says how OpenMP's threads wait, for all peers alike
