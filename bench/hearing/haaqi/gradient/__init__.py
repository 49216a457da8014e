"""The differentiable HAAQI: its stages in plain torch, and compiled."""
