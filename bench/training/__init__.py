"""Training: a system made better at its loss."""
