"""How published data sets are laid out: a module for each; `graphrec.data.sources` reads them."""
