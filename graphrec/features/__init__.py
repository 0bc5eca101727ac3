"""Metadata -> node features: column kinds, encoders, and the audit for leaks."""
