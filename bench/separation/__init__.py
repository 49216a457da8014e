"""Source separation: the Hybrid Demucs network, its files of weights, and ratio masks.

The plugins that use it are in ``bench/builtin/separators``; its bundled weights were made by
:mod:`bench.pretraining.hdemucs`.
"""
