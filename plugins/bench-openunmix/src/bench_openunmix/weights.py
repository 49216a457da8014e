"""Where the weights come from: the published files, or a state dict at a path."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError

import torch
from openunmix.model import OpenUnmix, Separator
from torch import Tensor

from bench.api import SAMPLE_RATE, STEMS
from bench.errors import BenchError
from bench_openunmix import DIGESTS

_WHERE: Final = "separator openunmix"
_BUNDLES: Final = {
    "umxhq": (
        "https://zenodo.org/records/3370489/files/",
        DIGESTS["umxhq"],
    ),
    "umxl": (
        "https://zenodo.org/records/5069601/files/",
        DIGESTS["umxl"],
    ),
}
"""Folder, and the digests of its files."""


def load_separator(weights: str, iterations: int) -> Separator:
    """openunmix's Separator of the four stems, in evaluation mode.

    Args:
        weights: "umxhq", "umxl", or the path of a Separator's state dict.
        iterations: of the Wiener filter's expectation-maximisation.

    Raises:
        BenchError: the weights are missing, cannot be read, or do not fit.
    """
    if weights in _BUNDLES:
        states = {stem: read_state(path) for stem, path in _published(weights).items()}
        where = weights
    else:
        states = _of_each_stem(Path(weights).expanduser())
        where = weights
    targets = {stem: _network(states[stem], f"{where}, {stem}") for stem in STEMS}
    n_fft = 2 * (targets[STEMS[0]].nb_output_bins - 1)
    separator = Separator(
        target_models=targets,
        niter=iterations,
        sample_rate=SAMPLE_RATE,
        n_fft=n_fft,
        n_hop=n_fft // 4,
        nb_channels=2,
    )
    return separator.eval()


def read_state(path: Path) -> dict[str, Tensor]:
    """A state dict from safetensors, or from what torch.save wrote, without running code in it.

    Raises:
        BenchError: the file is missing or not a state dict.
    """
    if not path.is_file():
        raise BenchError(
            "is a folder, not a file of weights"
            if path.is_dir()
            else "the file of weights does not exist",
            where=str(path),
            hint="Give weights=umxhq, weights=umxl, or the path of a Separator's state dict",
        )
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise BenchError(
            f"cannot be read as plain weights ({type(error).__name__})",
            where=str(path),
            hint="Save separator.state_dict() by itself; files that contain code are not opened",
        ) from error
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise BenchError(
            "this is not a state dict (names and tensors)",
            where=str(path),
            hint="Save separator.state_dict() by itself",
        )
    return dict(state)


def _published(name: str) -> dict[str, Path]:
    """The published files by stem, in torch's hub folder, downloaded if they are not there."""
    base, digests = _BUNDLES[name]
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    paths = {stem: folder / f"{stem}-{digest}.pth" for stem, digest in digests.items()}
    for stem, path in paths.items():
        if path.is_file():
            continue
        folder.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(base + path.name, str(path), digests[stem])
        except (URLError, OSError, RuntimeError) as error:
            missing = ", ".join(p.name for p in paths.values() if not p.is_file())
            raise BenchError(
                f"{name} is not on this machine and could not be downloaded: {error}",
                where=_WHERE,
                hint=f"Download {missing} from {base} elsewhere and put them into {folder}",
            ) from error
    return paths


def _of_each_stem(path: Path) -> dict[str, dict[str, Tensor]]:
    """The networks' states of a Separator's."""
    state = read_state(path)
    states: dict[str, dict[str, Tensor]] = {stem: {} for stem in STEMS}
    for name, tensor in state.items():
        prefix, _, rest = name.partition(".")
        stem, _, parameter = rest.partition(".")
        if prefix == "target_models" and stem in states:
            states[stem][parameter] = tensor
    absent = [stem for stem in STEMS if not states[stem]]
    if absent:
        raise BenchError(
            f"it has no target_models.{absent[0]}: not the state dict of an openunmix Separator",
            where=str(path),
            hint=f"Save the state_dict() of a Separator of {', '.join(STEMS)}",
        )
    return states


def _network(state: Mapping[str, Tensor], where: str) -> OpenUnmix:
    """The network that a state dict is of, with its weights."""
    try:
        hidden, bins = state["fc1.weight"].shape[0], state["output_mean"].shape[0]
        settings: dict[str, Any] = {
            "nb_bins": bins,
            "nb_channels": state["fc3.weight"].shape[0] // bins,
            "hidden_size": hidden,
            "nb_layers": sum(f"lstm.weight_ih_l{i}" in state for i in range(len(state))),
            "unidirectional": "lstm.weight_ih_l0_reverse" not in state,
            "max_bin": state["input_mean"].shape[0],
        }
        network = OpenUnmix(**settings)
        own = network.state_dict().keys()
        # The published files hold the window of an STFT besides, which is the Separator's.
        network.load_state_dict({k: v.float() for k, v in state.items() if k in own})
    except (KeyError, IndexError, ValueError, RuntimeError) as error:
        complaint = " ".join(str(error).split())[:160]
        raise BenchError(
            f"the weights do not fit an Open-Unmix: {complaint}", where=where
        ) from error
    if settings["nb_channels"] != 2:
        raise BenchError(f"a network of {settings['nb_channels']} channels, not 2", where=where)
    return network
