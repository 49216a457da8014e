"""SpeechBrain's BEATs, giving its twelve layers as HAAQI-Net's head wants them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from speechbrain.lobes.models.beats import BEATs
from torch import Tensor

from bench.errors import BenchError
from bench.hearing.haaqi_net.published import FrontEnd, HaaqiNet, load_checkpoint, read_checkpoint
from bench.hearing.predictor import BUNDLED
from bench_beats import BEATS_FILE, BeatsOptions

_GET_BEATS = (
    f"Get {BEATS_FILE} from github.com/microsoft/unilm (folder beats) and put it beside the "
    "HAAQI-Net checkpoint."
)


class BeatsFrontEnd(BEATs, FrontEnd):  # type: ignore[misc]
    """BEATs with the configuration and weights of a checkpoint.

    Its parameters keep the names of the original, but for the positional convolution's weight norm,
    whose old names torch's parametrisation takes when it loads them.

    Args:
        checkpoint: path of a file with the entries "cfg" and "model".
    """

    def __init__(self, checkpoint: Path) -> None:
        super().__init__(ckp_path=str(checkpoint), freeze=False, output_all_hiddens=True)

    def layers(self, waveform: Tensor) -> Tensor:
        """``(B, N)`` at 16 kHz, full scale 1.0 -> ``(12, B, patches, 768)``."""
        # Without lengths SpeechBrain's extract_features fails on an unset padding mask.
        lengths = torch.ones(len(waveform), device=waveform.device)
        before = np.random.get_state()  # noqa: NPY002
        hidden = self.extract_features(waveform, lengths)[0]  # type: ignore[operator]
        # It draws a number for each layer, even where no layer is ever dropped.
        np.random.set_state(before)  # noqa: NPY002
        # The first is the transformer's input; all have time before batch.
        layers: Tensor = hidden[1:].transpose(1, 2)
        return layers


def load_full(options: BeatsOptions) -> HaaqiNet:
    """The published HAAQI-Net from its own checkpoint and BEATs' beside it.

    Raises:
        BenchError: a file is missing or does not fit.
    """
    weights = options.weights
    if weights in ("", BUNDLED):
        raise BenchError(
            "the full HAAQI-Net comes without weights",
            where="haaqi-net, front_end=beats",
            hint="Give weights=PATH of its checkpoint (see github.com/dyahayumgw/HAAQI-Net). "
            + _GET_BEATS,
        )
    path = Path(weights).expanduser()
    read_checkpoint(path, "model")
    beats = path.parent / BEATS_FILE
    if not beats.is_file():
        raise BenchError("no BEATs checkpoint", where=str(beats), hint=_GET_BEATS)
    read_checkpoint(beats, "cfg", "model")
    try:
        front_end = BeatsFrontEnd(beats)
    except (RuntimeError, KeyError, AttributeError, TypeError) as error:
        raise BenchError(
            f"not a BEATs checkpoint: {str(error).splitlines()[0][:200]}",
            where=str(beats),
            hint=_GET_BEATS,
        ) from error
    return load_checkpoint(HaaqiNet(front_end), path)
