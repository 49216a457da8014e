"""All that a plugin author imports: markers, specs, protocols and types.

Importing this module is cheap: it imports neither torch nor pandas.

Conventions, everywhere:

* Audio is ``torch.float32`` (evaluation works in float64), shape ``(2, samples)``, left then
  right, full scale 1.0. Stems are ``(4, 2, samples)`` in the order of :data:`STEMS`. Batches put
  a dimension in front.
* Audiograms are dB HL, as tensors ``(2, 8)`` at :data:`AUDIOGRAM_FREQUENCIES`, left then right,
  never scaled by the caller.
* Gains are dB, ``(4,)`` or per ear ``(2, 4)``, stems in the order of :data:`STEMS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, TypeVar, runtime_checkable

import pluggy

from bench.hearing import AUDIOGRAM_FREQUENCIES as AUDIOGRAM_FREQUENCIES
from bench.hearing import EARS as EARS

if TYPE_CHECKING:
    from clarity.utils.audiogram import Listener
    from torch import Tensor

API_VERSION: Final = 1
"""The version of this module and of the hooks; increased by every change that breaks a plugin."""
OLDEST_API_VERSION: Final = 1
"""The oldest version that still works. A plugin's module says which it was built for by
``BENCH_API_VERSION = 1``; one that says nothing counts as built for version 1."""
STEMS: Final = ("vocals", "drums", "bass", "other")
"""The stems, in the order of every tensor and every list of gains."""
MOST_GAIN: Final = 40.0
"""dB; the most that a requested gain may raise or lower a stem by."""
SAMPLE_RATE: Final = 44_100
"""Hz; the rate of scenes in the Cadenza layout."""

hookspec = pluggy.HookspecMarker("bench")
hookimpl = pluggy.HookimplMarker("bench")

T = TypeVar("T")


def option(
    default: T,
    help: str,
    *,
    unit: str = "",
    weights: bool = False,
    path: bool = False,
    names: Sequence[str] = (),
    plugin: str = "",
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    below: float | None = None,
    one_of: Sequence[str] = (),
) -> T:
    """A documented field of an options dataclass.

    Numbers are always finite. A number outside its bounds, or a text that is not one of `one_of`,
    is refused before the plugin is constructed, wherever it comes from.

    Args:
        default: its value if none is given.
        help: what it does, in a line.
        unit: of its value.
        weights: whether it selects the weights, or states what they were trained on: a baseline
            whose separator has the same options takes its value from the run that it accompanies.
        path: whether it is the path of a file or folder: a run's id then depends on its content,
            not its location. An options class lists further files that are read for the options
            (a file beside it, or one that a name stands for) in a property ``reads``, a sequence
            of paths.
        names: values of a path that are names rather than paths, such as ``"bundled"``.
        plugin: the kind of plugin that it names, such as ``"front-end"``: that plugin is part of
            the run, and takes the values of these options that it has, too.
        least: the smallest allowed number.
        most: the largest allowed number.
        above: exclusive lower bound.
        below: exclusive upper bound.
        one_of: the only texts that are allowed.

    Example:
        >>> @dataclass(frozen=True)
        ... class MyOptions:
        ...     overlap: float = option(0.1, "overlap of two chunks", unit="s")
        >>> MyOptions().overlap
        0.1
    """
    told = {
        "help": help, "unit": unit, "weights": weights, "path": path, "names": tuple(names),
        "plugin": plugin, "least": least, "most": most, "above": above, "below": below,
        "one_of": tuple(one_of),
    }  # fmt: skip
    result: T = field(default=default, metadata=told)
    return result


# --- specs: what a register_* hook returns -----------------------------------------------------


@dataclass(frozen=True)
class PluginFile:
    """A file or folder that a plugin reads or makes, as ``bench doctor`` lists it.

    Attributes:
        name: what it is.
        path: where it is, or would be.
        remedy: what to do if it does not exist.
        required: whether the plugin is broken without it; otherwise only some options need it.
    """

    name: str
    path: Path
    remedy: str
    required: bool = False


@dataclass(frozen=True)
class FormerName:
    """A name that a plugin had earlier.

    Attributes:
        name: that name.
        options: the values of options for which the name meant this plugin, if it is now the name
            of another; empty if it always meant this one.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PluginSpec:
    """What the harness knows about a plugin before importing it.

    Attributes:
        name: lower-case name used on the command line.
        target: ``"package.module:Class"``, imported only when the plugin is used. It is called
            with one argument, an instance of `options` (with none where `options` is None).
        summary: one line for ``bench plugins list``.
        options: a frozen dataclass whose fields are made by :func:`option`; defined in a module
            that imports nothing heavy. It may have a property ``weights_trained_on`` that
            overrides the spec's `trained_on`, where that depends on an option, and ``reads``, the
            paths of files that are read for its options besides those that they name.
        needs: requirements for using it: ``"weights"``, ``"gpu"`` or an extra's name.
        trained_on: names of the data that its weights were trained on, such as
            ``"musdb18-train"``, ``"musdb18-test"`` or ``"private"``; decides whether a row is
            ranked in a suite.
        licence: of the weights or code, if it differs from the project's.
        citation: what to cite.
        files: ``"package.module:function"`` that returns the :class:`PluginFile` s of the plugin,
            called by ``bench doctor``.
        formerly: names that it had earlier; they are accepted for it, with a note.
    """

    kind: ClassVar[str] = ""
    name: str
    target: str
    summary: str
    options: type[Any] | None = None
    needs: tuple[str, ...] = ()
    trained_on: tuple[str, ...] = ()
    licence: str = ""
    citation: str = ""
    files: str = ""
    formerly: tuple[FormerName, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SeparatorSpec(PluginSpec):
    """A separator.

    Attributes:
        trainable: whether a run trains it.
        reads_stems: marks an oracle: given the clean stems, and never ranked.
        separates: False if its stems are fractions of the mixture, so that different gains for
            the stems have no meaning.
    """

    kind: ClassVar[str] = "separator"
    trainable: bool = False
    reads_stems: bool = False
    separates: bool = True


@dataclass(frozen=True, kw_only=True)
class GainsSpec(PluginSpec):
    """A gain strategy.

    Attributes:
        trainable: whether a run trains it.
        reads_request: whether it uses the gains that the scene requests; one that does not cannot
            win if the reference has them.
        is_request: whether its gains are exactly those that the scene requests.
    """

    kind: ClassVar[str] = "gains"
    trainable: bool = False
    reads_request: bool = True
    is_request: bool = False


@dataclass(frozen=True, kw_only=True)
class PrescriptionSpec(PluginSpec):
    """A hearing-aid prescription.

    Attributes:
        trainable: whether a run trains it.
    """

    kind: ClassVar[str] = "prescription"
    trainable: bool = False


@dataclass(frozen=True, kw_only=True)
class LossSpec(PluginSpec):
    """A loss term.

    Attributes:
        default_place: where it acts unless the expression says ``name@place``: "stems", "remix"
            (before the prescription) or "output" (after it).
        unit: of its values.
        title: of its prediction in figures; its name if empty.
        predicts: name of a metric, if one minus this loss is a prediction of it.
    """

    kind: ClassVar[str] = "loss"
    default_place: str = "stems"
    unit: str = ""
    title: str = ""
    predicts: str = ""


@dataclass(frozen=True, kw_only=True)
class MetricSpec(PluginSpec):
    """A metric.

    Attributes:
        parts: names of the values that it returns, the first being its headline.
        unit: of its values.
        title: of its column; its name if empty.
        decimals: with which its values are shown.
        percent: whether its values are fractions that are shown as percentages.
        higher_is_better: None if neither direction is better in itself (a level difference).
        reads_stems: whether it judges the separated stems, which submitted audio does not have.
        predicts: name of a metric, if this one is a prediction of it.
        bounds: smallest and largest possible value, in `unit`, at which intervals end. None if
            unbounded: a board then shows the median over songs beside the mean.
    """

    kind: ClassVar[str] = "metric"
    parts: tuple[str, ...] = ("mean",)
    unit: str = ""
    title: str = ""
    decimals: int = 3
    percent: bool = False
    higher_is_better: bool | None = True
    reads_stems: bool = False
    predicts: str = ""
    bounds: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class DatasetSpec(PluginSpec):
    """A dataset.

    Attributes:
        music: the training data that its songs belong to, as in `trained_on`; empty if unknown.
    """

    kind: ClassVar[str] = "dataset"
    music: str = ""


@dataclass(frozen=True, kw_only=True)
class FrontEndSpec(PluginSpec):
    """A predictor of HAAQI from signals and audiograms: HAAQI-Net over a front end, or another.

    Its target makes a :class:`Predictor`. Its options have a field ``weights``: ``"bundled"`` or a
    path.
    """

    kind: ClassVar[str] = "front-end"


# --- data --------------------------------------------------------------------------------------


class SceneAudio(Protocol):
    """Lazily read audio of one at-mic sample; only what is requested is read from disk."""

    @property
    def sample_rate(self) -> int:
        """Hz."""

    @property
    def frames(self) -> int:
        """Samples per channel."""

    def read(self, part: str, start: int = 0, frames: int | None = None) -> Tensor:
        """Read ``"mixture"`` or a stem, float32 ``(2, frames)``; to the end if frames is None.

        Raises:
            BenchError: the file is missing, damaged, or breaks the data contract.
        """


@dataclass(frozen=True)
class Scene:
    """One scene: a song at a head position, with the requested gains and its listeners."""

    id: str
    song: str
    head_position: str
    gains: tuple[float, float, float, float]
    """Requested gains in dB, in the order of STEMS."""
    listeners: tuple[str, ...]
    audio: SceneAudio = field(repr=False, compare=False)
    genre: str = ""

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.audio.sample_rate

    @property
    def frames(self) -> int:
        """Samples per channel."""
        return self.audio.frames

    def mixture(self, start: int = 0, frames: int | None = None) -> Tensor:
        """The mixture at the hearing-aid microphones, float32 ``(2, frames)``."""
        return self.audio.read("mixture", start, frames)

    def stems(self, start: int = 0, frames: int | None = None) -> Tensor:
        """The clean stems at the microphones, float32 ``(4, 2, frames)``.

        They need not sum to the mixture: each file is loudness-normalised on its own.
        """
        import torch

        return torch.stack([self.audio.read(stem, start, frames) for stem in STEMS])

    def segment(self, start: int, frames: int) -> Segment:
        """The scene cut in time, `start` and `frames` in samples."""
        return Segment(self, start, frames)


@dataclass(frozen=True)
class Segment:
    """A scene cut in time."""

    scene: Scene
    start: int
    frames: int

    def mixture(self) -> Tensor:
        """float32 ``(2, frames)``."""
        return self.scene.mixture(self.start, self.frames)

    def stems(self) -> Tensor:
        """float32 ``(4, 2, frames)``."""
        return self.scene.stems(self.start, self.frames)


@runtime_checkable
class Dataset(Protocol):
    """Scenes and listeners, by split. None of its methods reads audio or imports torch."""

    @property
    def splits(self) -> tuple[str, ...]:
        """The existing splits, such as ``("train", "valid")``."""

    def scenes(self, split: str) -> Sequence[Scene]:
        """The scenes of a split, in the metadata's order."""

    def listeners(self, split: str) -> Mapping[str, Listener]:
        """pyclarity Listeners by id."""

    def fingerprint(self, split: str) -> str:
        """A hash that changes whenever a score on this split could."""


# --- the boxes of the flow ---------------------------------------------------------------------


@runtime_checkable
class Separator(Protocol):
    """Mixture in, four stems out.

    A trainable one is also a ``torch.nn.Module`` whose trainable parameters have
    ``requires_grad`` set; `separate` must then carry gradients when they are enabled.
    """

    def separate(self, mixture: Tensor) -> Tensor:
        """``(B, 2, N)`` at 44.1 kHz -> stems ``(B, 4, 2, N)`` in the order of STEMS.

        A separator whose spec sets `reads_stems` is called as ``separate(mixture, stems)`` with
        the clean stems ``(B, 4, 2, N)``.
        """


@dataclass(frozen=True)
class GainQuery:
    """The input of a gain strategy.

    Attributes:
        requested: the scene's requested gains, dB, ``(B, 4)``.
        audiograms: dB HL, ``(B, 2, 8)``.
        stems: the separated stems ``(B, 4, 2, N)``.
        listeners: ids, for strategies that keep something per listener.
    """

    requested: Tensor
    audiograms: Tensor
    stems: Tensor
    listeners: tuple[str, ...]


@runtime_checkable
class GainStrategy(Protocol):
    """Decides by how much each stem is raised or lowered."""

    def gains(self, query: GainQuery) -> Tensor:
        """dB, ``(B, 4)``, or ``(B, 2, 4)`` where the ears differ."""


@runtime_checkable
class Prescription(Protocol):
    """Amplifies for the ears of a listener; differentiable in the signal.

    A trainable one is also a ``torch.nn.Module`` whose trainable parameters have
    ``requires_grad`` set; `amplify` must then carry gradients to them when they are enabled.
    """

    def amplify(self, signal: Tensor, listeners: Sequence[Listener], sample_rate: int) -> Tensor:
        """``(B, 2, N)`` -> ``(B, 2, N + tail)``, each ear by its own audiogram."""


@runtime_checkable
class AdaptivePrescription(Prescription, Protocol):
    """A prescription that looks at the whole signal first, such as for its peaks.

    Its `amplify` is ``self.fit(signal, ...).amplify(signal, ...)``. A song that is amplified in
    sections is fitted once, so that all sections are amplified alike.
    """

    def fit(self, signal: Tensor, listeners: Sequence[Listener], sample_rate: int) -> Prescription:
        """The prescription for one signal ``(B, 2, N)``, of any length, and its listeners.

        Its `amplify` may then be called with any part of the signal. A long signal may be a file
        mapped into memory: read it in parts.
        """


@dataclass(frozen=True)
class LossInput:
    """The input of a loss term.

    Attributes:
        estimate: ``(B, 4, 2, N)`` on stems, ``(B, 2, N)`` on remix and output.
        reference: the same shape.
        audiograms: dB HL, ``(B, 2, 8)``.
        level1: dB SPL that an RMS of 1.0 stands for, per ear, ``(B, 2)``: 65 minus the RMS
            level in dB of that ear's reference remix before the prescription.
        sample_rate: Hz.
        place: "stems", "remix" or "output".
    """

    estimate: Tensor
    reference: Tensor
    audiograms: Tensor
    level1: Tensor
    sample_rate: int
    place: str


@runtime_checkable
class Loss(Protocol):
    """A differentiable term to be minimised; finite in value and gradient for silence."""

    def __call__(self, data: LossInput) -> Tensor:
        """A scalar."""


@runtime_checkable
class Predictor(Protocol):
    """Predicts HAAQI; a ``torch.nn.Module`` in eval mode with frozen parameters."""

    @property
    def intrusive(self) -> bool:
        """Whether `score` needs the reference."""

    def score(
        self,
        processed: Tensor,
        audiogram: Tensor,
        level1: Tensor,
        sample_rate: int,
        reference: Tensor | None = None,
        reference_rate: int | None = None,
    ) -> Tensor:
        """Predicted HAAQI of each ear, differentiable in `processed`.

        Args:
            processed: one ear's signal per row, ``(B, N)``, full scale 1.0; a stereo signal is two
                rows with an audiogram each.
            audiogram: dB HL at AUDIOGRAM_FREQUENCIES, ``(B, 8)``.
            level1: dB SPL that an RMS of 1.0 stands for, ``(B,)``.
            sample_rate: Hz.
            reference: ``(B, M)``, time-aligned with `processed` and amplified likewise; used only
                by an intrusive model.
            reference_rate: Hz; `sample_rate` if None.

        Returns:
            ``(B,)``, 0 to 1.

        Raises:
            ValueError: the shapes do not match, or an intrusive model has no reference.
        """


@dataclass(frozen=True)
class Rendering:
    """One (scene, listener) pair of one system, as a metric sees it.

    Attributes:
        scene: the scene.
        listener: pyclarity's Listener.
        stems: separated stems before any gain, float32 ``(4, 2, N)``, at `sample_rate`.
        stems_reference: clean stems, the same shape.
        remix: after gains, sum and loudness match, before the prescription, float64 ``(2, N)``.
        remix_reference: the reference remix, the same shape.
        output: the output of the system: amplified, at `output_rate`, clipped, quantised to
            16 bit and read back, float64 ``(2, M)``.
        output_reference: the amplified reference at `sample_rate`, never clipped, float64
            ``(2, N + tail)``.
        gains: the gains that the system applied, dB, ``(4,)`` or ``(2, 4)``.
        sample_rate: Hz.
        output_rate: Hz.
        amplified: the signal before the output file: amplified, at `sample_rate`, neither clipped
            nor quantised, float64 ``(2, N + tail)``; None for submitted audio.
    """

    scene: Scene
    listener: Listener
    stems: Tensor
    stems_reference: Tensor
    remix: Tensor
    remix_reference: Tensor
    output: Tensor
    output_reference: Tensor
    gains: Tensor
    sample_rate: int
    output_rate: int
    amplified: Tensor | None = None


@runtime_checkable
class Metric(Protocol):
    """Scores a rendering."""

    def score(self, rendering: Rendering) -> Mapping[str, float]:
        """A value for each of the spec's parts; raises if there is none, never returns 0."""


# --- observers ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class RunInfo:
    """A run, as observers receive it: plain values.

    Attributes:
        label: its name on a board.
        suite: name of its suite.
        split: the split that is scored.
        protocol: the reference protocol, which decides the reference's gains.
        separator: name of the separator.
        gains: name of the gain strategy.
        prescription: name of the prescription.
        loss: the loss expression; empty if nothing is trained.
        epochs: of training; 0 if nothing is trained.
        seed: of the run.
        settings: everything that the run's id depends on, as in the column ``spec_json`` of a
            board.
    """

    label: str
    suite: str
    split: str
    protocol: str
    separator: str
    gains: str
    prescription: str
    loss: str
    epochs: int
    seed: int
    settings: Mapping[str, Any]
