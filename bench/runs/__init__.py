"""Runs: planned, carried out, recorded and restored."""
