"""Tables in, integers out: ids, interactions, splits and the places that data comes from."""
