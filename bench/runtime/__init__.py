"""This machine, and nothing of music: files, processes, memory, progress, seeds."""
