"""The kinds of plugins, one row each, with all that differs between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bench.api import (
    DatasetSpec,
    FrontEndSpec,
    GainsSpec,
    LossSpec,
    MetricSpec,
    PluginSpec,
    PrescriptionSpec,
    SeparatorSpec,
)


@dataclass(frozen=True)
class Kind:
    """A kind of plugin.

    Attributes:
        spec: the class of its specs.
        hook: the hook that returns them.
        several: whether a run may have several of them, so that the keys of their options begin
            with the plugin's name: ``loss.sdr.scale_invariant``.
        use: a command that uses the plugin `name` of the package in `folder`.
        chosen: whether ``-o KIND.NAME=VALUE`` sets an option of it.
    """

    spec: type[PluginSpec]
    hook: str
    use: str
    several: bool = False
    chosen: bool = True

    @property
    def name(self) -> str:
        """The name of the kind, on the command line too."""
        return self.spec.kind

    def option(self, plugin: str, option: str) -> str:
        """The key of a plugin's option, as after ``-o``.

        Example:
            >>> KINDS["loss"].option("sdr", "scale_invariant")
            'loss.sdr.scale_invariant'
            >>> KINDS["separator"].option("hdemucs", "weights")
            'separator.weights'
        """
        return f"{self.name}.{plugin}.{option}" if self.several else f"{self.name}.{option}"


KINDS: Final[Mapping[str, Kind]] = {
    kind.name: kind
    for kind in (
        Kind(SeparatorSpec, "register_separators", "bench run --separator {name}"),
        Kind(GainsSpec, "register_gains", "bench run --separator hdemucs --gains {name}"),
        Kind(
            PrescriptionSpec,
            "register_prescriptions",
            "bench run --separator hdemucs --prescription {name}",
        ),
        Kind(
            LossSpec,
            "register_losses",
            'bench run --separator hdemucs-ft --loss "mse + 0.1*{name}"',
            several=True,
        ),
        Kind(
            MetricSpec,
            "register_metrics",
            "bench run --suite {folder}/suite.toml --separator hdemucs",
            several=True,
        ),
        Kind(
            DatasetSpec,
            "register_datasets",
            "bench run --suite {folder}/suite.toml --separator hdemucs",
        ),
        Kind(
            FrontEndSpec,
            "register_front_ends",
            "bench run --separator hdemucs-ft --loss haaqi-net -o loss.haaqi-net.front_end={name}",
            chosen=False,
        ),
    )
}
"""The kinds by name, in the order of the flow."""
OBSERVER: Final = "observer"
"""What is notified of how a run goes: a plugin without a spec."""
OBSERVER_USE: Final = "{environment}_PATH=scenes.jsonl bench run --separator hdemucs"
OBSERVER_HOOKS: Final = ("run_started", "epoch_finished", "scene_scored", "run_finished")
