"""Files, processes, memory, progress and seeds: everything unrelated to music."""
