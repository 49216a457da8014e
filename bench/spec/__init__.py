"""What a run is: its suite, its parts and their options, and its id."""
