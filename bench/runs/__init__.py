"""Plan, execute, record and restore runs."""
