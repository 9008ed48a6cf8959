"""One file a verb of `cvlib`: its arguments and its help; each imports what it needs when it runs."""
