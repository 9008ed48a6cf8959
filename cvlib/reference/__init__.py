"""Reference pages that are made from the code: `python -m cvlib.reference` writes them."""
