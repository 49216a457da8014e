"""Evaluation: process scenes with systems and score them against references."""
