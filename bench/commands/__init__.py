"""Each command of ``bench`` as a function; ``bench.run`` and its kin are these."""
