"""The specification of a run: its suite, its parts and their options, and its id."""
