"""Train and benchmark music enhancement for people with hearing aids."""

__version__ = "0.1.0"
