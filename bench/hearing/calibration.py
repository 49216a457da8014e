"""Level calibration: the level of full scale at the ear, by the challenge's protocol.

The reference before its prescription is presented at 65 dB SPL to each ear, so that its level says
what an RMS of 1.0 stands for (``level1`` of pyclarity's ``compute_haaqi``).

Source: ``recipes.cad_icassp_2024.baseline.evaluate`` of pyclarity 0.9.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, overload

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

PRESENTATION_LEVEL: Final = 65.0
"""dB SPL of the reference remix at each ear, before the prescription."""


@overload
def level1(rms: float) -> float: ...
@overload
def level1(rms: Tensor) -> Tensor: ...
def level1(rms: float | Tensor) -> float | Tensor:
    """Compute the dB SPL that an RMS of 1.0 stands for; infinite where the reference is silent.

    Args:
        rms: of the reference remix in one ear, full scale 1.0; a tensor where there are several.

    Example:
        >>> level1(0.1), level1(0.0)
        (85.0, inf)
        >>> import torch
        >>> level1(torch.tensor([1.0, 0.1])).tolist()
        [65.0, 85.0]
    """
    if isinstance(rms, float):
        with np.errstate(divide="ignore"):
            return PRESENTATION_LEVEL - 20 * float(np.log10(rms))
    return PRESENTATION_LEVEL - 20 * rms.log10()
