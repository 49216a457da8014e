"""Files, processes, memory, progress and seeds: what has nothing to do with music."""
