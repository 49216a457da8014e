"""Each command of ``bench`` as a function, such as ``bench.run``."""
