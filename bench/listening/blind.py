"""Make a blind listening test: a page for the participants and a key for the experimenter.

The page knows signals by codes only; which is which is in the key alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from bench.errors import BenchError
from bench.listening import ANCHORS
from bench.listening.abx import REPEATS, abx_trial
from bench.listening.codes import code_of, sounds_the_same
from bench.listening.mushra import check_anchors, mushra_trial
from bench.listening.questions import Question
from bench.listening.render import MIXTURE, REFERENCE, HeardPair
from bench.report.html import STYLE, fill, write
from bench.runtime.documents import read_json

if TYPE_CHECKING:
    from bench.runs.restore import StoredRun

METHODS: Final = ("mushra", "abx")
KEY_FORMAT: Final = "bench-listening-key"
_TEMPLATES: Final = Path(__file__).parent / "templates"
_HEARD: Final = {
    "remix": "The music is for people with normal hearing.",
    "amplified": "The music is amplified for one listener's hearing loss.",
    "simulated": "The music sounds as it does to somebody with a hearing loss.",
}
_ADDRESS: Final = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&()*+=%-]+")
"""What an address is written with; what else there may be could change the page's policy."""


@dataclass(frozen=True)
class LeftOut:
    """A system that a trial leaves out, since it is the reference.

    Attributes:
        scene: the trial's scene.
        listener: the trial's listener.
        label: of the system, or "mixture".
    """

    scene: str
    listener: str
    label: str


@dataclass(frozen=True)
class MadeTest:
    """A listening test that was written.

    Attributes:
        page: for the participants.
        key: must not be given to them.
        trials: trials that a participant takes, without the training.
        left_out: what would have been the reference once more.
    """

    page: Path
    key: Path
    trials: int
    left_out: tuple[LeftOut, ...]


def make_test(
    out: Path,
    heard: Sequence[HeardPair],
    runs: Sequence[StoredRun],
    *,
    way: str,
    method: str = "mushra",
    anchors: Sequence[float] = ANCHORS,
    with_mixture: bool = False,
    repeats: int = REPEATS,
    questions: Sequence[Question] = (),
    checks: bool = True,
    post: str = "",
    seed: int,
) -> MadeTest:
    """Write the test of some (scene, listener) pairs.

    A system whose signal equals the reference is left out of a trial, as a second hidden
    reference could not be rated.

    Args:
        out: folder to write.
        heard: the pairs, rendered at least in `way`.
        runs: the systems under test.
        way: of hearing, see :data:`bench.listening.render.WAYS`.
        method: ``"mushra"``, a trial a pair; or ``"abx"``, `repeats` a pair and system.
        anchors: of MUSHRA, cut-off frequencies in Hz.
        with_mixture: of MUSHRA, whether the unprocessed mixture is rated, too.
        repeats: of ABX, how often each comparison is asked.
        questions: asked at the end.
        checks: whether the volume is set and the headphones are checked first.
        post: address that the page sends the ratings to; without one they are saved as a file.
        seed: of the codes; it reveals what they stand for.

    Raises:
        BenchError: too many signals, a pair whose systems have different references, no system
            that differs from the reference, an address that cannot be posted to, or a folder that
            cannot be written or has the key of another test.
    """
    if REFERENCE not in heard[0].ways[way].signals:
        hint = "Use runs of the protocol challenge, or of one gain strategy."
        raise BenchError("the systems have no common reference", where="test", hint=hint)
    if not 1 <= repeats <= 100:
        raise BenchError(f"repeats must be from 1 to 100, not {repeats}", where="test")
    host = _host(post) if post else ""
    labels = {run.run_id: run.label for run in runs}
    names = [*([MIXTURE] if with_mixture and method == "mushra" else []), *labels]
    if method == "mushra":
        check_anchors(anchors, len(names))
    pairs = [(one.scene.id, one.listener.id) for one in heard]
    made_of = [seed, method, way, list(anchors), with_mixture, pairs, sorted(labels)]
    secret = code_of(*made_of)
    trials: list[dict[str, Any]] = []
    key: dict[str, Any] = {}
    left_out: list[LeftOut] = []
    for one in heard:
        differing = [name for name in names if not _is_reference(one, name, way)]
        left_out += [
            LeftOut(one.scene.id, one.listener.id, labels.get(name, name))
            for name in names
            if name not in differing
        ]
        if method == "abx":
            parts = [abx_trial(one, name, labels[name], way, secret) for name in differing]
        else:
            chosen = mushra_trial(one, differing, labels, way, anchors, secret)
            parts = [chosen] if differing else []
        for page, own in parts:
            trials.append(page)
            key[page["code"]] = _place(one) | own
    if not trials:
        hint = "Take --heard amplified, other scenes or other runs."
        raise BenchError("no system differs from the reference", where="test", hint=hint)
    times = repeats if method == "abx" else 1
    data = {
        "id": code_of(secret, "test")[:8],
        "method": method,
        "seconds": min(one.seconds for one in heard),
        "checks": checks,
        "post": post,
        "repeats": times,
        "trials": sorted(trials, key=lambda trial: str(trial["code"])),
    }
    spec = runs[0].spec
    answers = {
        "format": KEY_FORMAT,
        "version": 1,
        "test": data["id"],
        "method": method,
        "suite": spec.suite,
        "split": spec.split,
        "protocol": spec.protocol,
        "heard": way,
        "seed": seed,
        "repeats": times,
        "questions": [asdict(question) for question in questions],
        "left_out": [asdict(one) for one in left_out],
        "trials": key,
    }
    _keep_other_key(out / "key.json", str(data["id"]))
    try:
        write(out / "test" / "index.html", _page(data, questions, way, host))
        write(out / "key.json", json.dumps(answers, indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        raise BenchError(
            f"the test cannot be written: {error.strerror or error}",
            where=str(out),
            hint="Give another folder with --to.",
        ) from error
    taken = len(trials) * times
    return MadeTest(out / "test" / "index.html", out / "key.json", taken, tuple(left_out))


def _keep_other_key(path: Path, test: str) -> None:
    """Refuse to replace the key of another test, without which its ratings cannot be read.

    Raises:
        BenchError: there is one, or a file that is no key.
    """
    if not path.exists():
        return
    try:
        found = read_json(path)
    except BenchError:
        found = None
    if not isinstance(found, dict) or found.get("test") != test:
        hint = "Give another folder with --to, or the --seed of that test to make it again."
        what = "it is the key of another test, whose ratings could not be read without it"
        raise BenchError(what, where=str(path), hint=hint)


def _page(data: dict[str, Any], questions: Sequence[Question], way: str, host: str) -> str:
    method, seconds = data["method"], data["seconds"]
    trials = len(data["trials"]) * data["repeats"]
    signals = max(len(trial.get("signals", "abx")) for trial in data["trials"])
    minutes = trials * signals * seconds * 2 / 60 + (3 if data["checks"] else 0)
    return fill(
        _TEMPLATES / "test.html.j2",
        styles=(STYLE, _TEMPLATES / "listening.css", _TEMPLATES / "test.css"),
        scripts=tuple(_TEMPLATES / f"{name}.js" for name in ("player", method, "test")),
        functions={},
        connect=host,
        content={
            "trials": trials,
            "signals": _counts(data["trials"]) if method == "mushra" else "",
            "minutes": max(5, round(minutes / 5) * 5),
            "heard": _HEARD[way],
            "questions": questions,
            "host": urlsplit(host).netloc,
            "data": data,
        },
    )


def _counts(trials: Sequence[dict[str, Any]]) -> str:
    """How many signals the trials have: "5", or "4 to 5" where a system is left out of some."""
    counts = sorted({len(trial["signals"]) for trial in trials})
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def _place(one: HeardPair) -> dict[str, Any]:
    return {
        "scene": one.scene.id,
        "listener": one.listener.id,
        "song": one.scene.song,
        "start_s": one.start,
        "seconds": one.seconds,
    }


def _is_reference(one: HeardPair, name: str, way: str) -> bool:
    signals = one.ways[way].signals
    return sounds_the_same(signals[name], signals[REFERENCE])


def _host(post: str) -> str:
    """Scheme and host of an address that a page can post to.

    Raises:
        BenchError: it is not such an address.
    """
    try:
        parts = urlsplit(post)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
        netloc = parts.netloc if parts.port is None or parts.port > 0 else ""
    except ValueError:
        is_address, netloc = False, ""
    if not (is_address and netloc and _ADDRESS.fullmatch(post)) or "@" in netloc:
        hint = "Write it as https://example.org/ratings"
        raise BenchError(f"'{post}' is not an address to post to", where="--post", hint=hint)
    return f"{parts.scheme}://{netloc}"
