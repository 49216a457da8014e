"""HAAQI, the Hearing-Aid Audio Quality Index: exact, fast, and differentiable.

`haaqi` scores a pair of signals in one ear, `HaaqiReference` keeps a reference for many. Both give
pyclarity's numbers. `DifferentiableHaaqi` gives the same with a gradient. Nothing heavy is imported
before the first use.

The steps are listed in the order of the signal. A section is quoted from pyclarity 0.9.0, the
translation of the authors' own program: its function in ``clarity.evaluator.haspi.eb`` (the last
one in ``clarity.evaluator.haaqi``) and what that function's text says. The files are those of
``exact/`` and ``gradient/``; ``parameters`` and ``index`` are beside both. The stages of the
gradient are written twice, in ``gradient/stages`` in plain torch, and compiled.

================================== ============================== =============== ================
Step                               Section                        exact           gradient
================================== ============================== =============== ================
Bring both signals to 24 kHz       resample_24khz: resample the   resampling      reference
                                   input signal at 24 kHz
Align and prune them               input_align: approximate       alignment       ear
                                   temporal alignment
Amplify the reference by NAL-R     ear_model: equalisation        scorer          ear
Apportion the hearing loss to      loss_parameters: OHC and IHC   parameters      parameters
outer and inner hair cells
Filter by the middle ear           middle_ear: 2-pole HP, 1-pole  ear             ear
                                   LP
Split into 32 channels, twice:     gammatone_basilar_membrane:    gammatone       stages,
control and signal                 4th-order gammatone filter                     gammatone
Widen the filters with level       bandwidth_adjust: in response  parameters      ear
                                   to high signal levels
Compress by the outer hair cells   env_compress_basilar_membrane: gammatone       stages,
                                   cochlear compression                           gammatone
Align the channels                 envelope_align: envelope of    lags, fft       lags
                                   the processed signal
Convert envelopes to dB SL         envelope_sl: compressed        haircells       stages,
                                   envelope to dB SL                              haircells
Adapt by the inner hair cells      inner_hair_cell_adaptation:    haircells       stages,
                                   rapid and short-term                           haircells
Add noise to the motion            basilar_membrane_add_noise:    haircells       stages,
                                   auditory threshold                             haircells
Delay channels to the latest one   group_delay_compensate: of the parameters,     parameters,
                                   gammatone filter bank          haircells       haircells
Take long-term levels in dB SL     convert_rms_to_sl: RMS average index           ear
                                   output into dB SL
Smooth envelopes over 8 ms         env_smooth: segments having a  haircells       ear
                                   50% overlap
Correlate the modulations of       melcor9: cepstrum correlation, index           index
cepstra                            modulation filter bank
Find covariances of the motion     bm_covary: in each auditory    covariance      stages,
over lags                          band                                           covariance
Average them by synchrony          ave_covary2: average           index           index
                                   cross-covariance
Compare the long-term spectra      spectrum_diff: changes in the  index           index
                                   long-term spectrum
Combine the four to a score        haaqi_v1: polynomial sum       index           index
================================== ============================== =============== ================

Source: Kates and Arehart (2016), The Hearing-Aid Audio Quality Index (HAAQI), IEEE/ACM TASLP 24(2),
354-365. In full: Kates, J. M. and Arehart, K. H. (2016), "The Hearing-Aid Audio Quality Index
(HAAQI)", IEEE/ACM Transactions on Audio, Speech, and Language Processing 24(2), 354-365. Everything
in ``bench.hearing`` cites it in the first form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.hearing.haaqi.exact.reference import HaaqiReference, haaqi
    from bench.hearing.haaqi.exact.scorer import HaaqiResult
    from bench.hearing.haaqi.gradient.reference import DifferentiableHaaqi

__all__ = ["DifferentiableHaaqi", "HaaqiReference", "HaaqiResult", "haaqi"]


def __getattr__(name: str) -> Any:
    if name == "DifferentiableHaaqi":
        from bench.hearing.haaqi.gradient.reference import DifferentiableHaaqi

        return DifferentiableHaaqi
    if name in __all__:
        from bench.hearing.haaqi.exact import reference as model

        return getattr(model, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
