"""HAAQI-Net, as published: HAAQI predicted from the processed signal alone.

A front end turns the signal into patches, and the published head (:mod:`.published`) scores them.
Front ends are plugins.

Source: Wisnu et al. (2024), HAAQI-Net, arXiv 2401.01145.

Importing this package is cheap.
"""
