"""HAAQI, the Hearing-Aid Audio Quality Index: exact, fast, and differentiable."""
