"""The exact HAAQI: pyclarity's numbers, in a fraction of its time.

To be read in this order: ``reference`` is the door, ``scorer`` joins the stages, ``resampling`` and
``alignment`` go before the ear, ``ear`` and the kernels of ``gammatone`` are the middle ear and the
outer hair cells, ``lags`` (on ``fft``) aligns the channels, ``haircells`` and ``covariance`` are
the rest. The score itself is made in :mod:`bench.hearing.haaqi.index`.
"""
