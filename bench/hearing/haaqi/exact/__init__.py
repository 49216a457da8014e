"""The exact HAAQI: pyclarity's numbers, fast."""
