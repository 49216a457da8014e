"""HAAQI light: a fast, differentiable approximation of HAAQI, which is bundled.

It compares the processed signal with its reference on a small cochlea in torch, by HAAQI's own
formula, and a small network corrects the value (:mod:`.model`). It is not HAAQI-Net
(:mod:`bench.hearing.haaqi_net`): it needs the reference, and its trained part passes no gradient.

Importing this package is cheap.
"""
