"""Source separation: the Hybrid Demucs network, its files of weights, ratio masks, and none at all.

The plugins that use it are in ``bench/builtin/separators``; its bundled weights were made by
:mod:`bench.pretraining.hdemucs`.
"""
