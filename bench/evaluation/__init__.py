"""Evaluation: scenes through systems, against references, into scores."""
