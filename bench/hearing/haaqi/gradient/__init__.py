"""The differentiable HAAQI: its stages in plain torch, and compiled.

To be read in this order: ``reference`` is the door, ``ear`` joins the stages of one ear, ``stages``
has them in plain torch. ``compiled`` equals ``stages`` on the CPU by the kernels of ``gammatone``,
``haircells`` and ``covariance``; ``lags`` aligns the channels. The score itself is made in
:mod:`bench.hearing.haaqi.index`.
"""
