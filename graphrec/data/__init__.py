"""Reading of tables and named data sets, ids, interactions and splits."""
