"""Which code and which files a run's id depends on."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
from dataclasses import dataclass, fields
from pathlib import Path, PurePath
from types import ModuleType

import pytest

import bench
from bench.api import option
from bench.builtin.separators import BUNDLES, HDemucsOptions, bundle_folder
from bench.data import CadenzaOptions
from bench.data.cadenza import CadenzaDataset
from bench.plugins import KINDS, Plugins, installed
from bench.runs.execute import with_files
from bench.runs.plan import PlannedRun
from bench.spec import identity
from bench.spec.identity import WITHOUT_SCORES, by_content, counts, read_besides
from bench.spec.run import Choice, RunSpec
from bench.version import DISTRIBUTION

PACKAGE = Path(bench.__file__).parent


@pytest.mark.parametrize(
    "source",
    [
        *("errors.py", "options.py", "api.py", "__init__.py"),
        *("hearing/haaqi/index.py", "hearing/haaqi_light/weights/light.safetensors"),
        *("builtin/metrics/haaqi.py", "builtin/separators/weights.py", "separation/masks.py"),
        *("system/remix.py", "evaluation/worker.py", "training/trainer.py", "spec/run.py"),
        *("data/cadenza.py", "data/audio.py", "plugins/catalogue.py", "runs/execute.py"),
        # Only whole packages are left out, not what begins with their names.
        *("tables.py", "cli_and_more/x.py", "system/tables/x.py", "data/generated.py"),
    ],
)
def test_what_can_change_a_score_counts(source: str) -> None:
    assert counts(PurePath(source))


@pytest.mark.parametrize(
    "source",
    [
        *("cli/run.py", "commands/runs.py", "ablation/matrix.py", "leaderboard/table.py"),
        *("report/page.py", "listening/page.py", "pretraining/hdemucs/train.py"),
        *("tables/sections.py", "testing/checks/calls.py", "scaffold/__init__.py"),
        *("data/generate/prepare.py", "data/generate/synth/voice.py"),
    ],
)
def test_what_asks_shows_or_makes_does_not_count(source: str) -> None:
    assert not counts(PurePath(source))


@pytest.mark.parametrize("package", WITHOUT_SCORES)
def test_every_package_that_is_left_out_is_there(package: str) -> None:
    assert (PACKAGE / package / "__init__.py").is_file()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package's sources and weights elsewhere."""
    target = tmp_path / "bench"
    shutil.copytree(PACKAGE, target, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def code_hash(package: Path) -> str:
    """Of a copy, by its own code."""
    path = package / "spec" / "identity.py"
    spec = importlib.util.spec_from_file_location("identity_of_a_copy", path)
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: str = module.code_hash()
    return found


def test_a_copy_has_the_same_hash(copy: Path) -> None:
    assert code_hash(copy) == identity.code_hash()
    assert len(identity.code_hash()) == 16


@pytest.mark.parametrize(
    "source",
    [
        "hearing/haaqi/index.py",
        "builtin/losses/mse.py",
        "training/objective.py",
        "errors.py",
        "builtin/separators/bundled/hdemucs.safetensors",
    ],
)
def test_a_changed_file_that_counts_is_another_code(copy: Path, source: str) -> None:
    before = code_hash(copy)
    with (copy / source).open("ab") as file:
        file.write(b"\n")
    assert code_hash(copy) != before


@pytest.mark.parametrize(
    "source",
    ["cli/run.py", "report/page.py", "leaderboard/statistics.py", "data/generate/songs.py"],
)
def test_a_changed_file_that_does_not_count_is_the_same_code(copy: Path, source: str) -> None:
    before = code_hash(copy)
    with (copy / source).open("a", encoding="utf-8") as file:
        file.write("\n")
    (copy / source).with_name("new.py").write_text("x = 1\n", encoding="utf-8")
    assert code_hash(copy) == before


def test_a_new_a_lost_and_a_renamed_file_are_another_code(copy: Path) -> None:
    hashes = {code_hash(copy)}
    (copy / "hearing" / "new.py").write_text("", encoding="utf-8")
    hashes.add(code_hash(copy))
    (copy / "hearing" / "new.py").rename(copy / "hearing" / "newer.py")
    hashes.add(code_hash(copy))
    (copy / "hearing" / "newer.py").unlink()
    (copy / "hearing" / "sdr.py").unlink()
    hashes.add(code_hash(copy))
    # A package of a new name counts.
    (copy / "unheard_of").mkdir()
    (copy / "unheard_of" / "__init__.py").write_text("", encoding="utf-8")
    hashes.add(code_hash(copy))
    assert len(hashes) == 5


def test_content_moved_from_file_to_file_is_another_code(copy: Path) -> None:
    for name in ("one.py", "two.py"):
        (copy / name).write_text("", encoding="utf-8")
    hashes = set()
    for name in ("one.py", "two.py"):
        (copy / name).write_text("x = 1\n", encoding="utf-8")
        hashes.add(code_hash(copy))
        (copy / name).write_text("", encoding="utf-8")
    assert len(hashes) == 2


def test_what_is_no_source_does_not_count(copy: Path) -> None:
    before = code_hash(copy)
    for name in ("notes.md", "spec/suites/own.toml", "py.typed"):
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_text("new", encoding="utf-8")
    assert code_hash(copy) == before


@dataclass(frozen=True)
class Files:
    """Options of which one is a path."""

    weights: str = option("bundled", "weights", path=True, names=("bundled", "musdb"))
    word: str = option("", "a text that may look like a path")
    share: float = option(0.5, "a number", least=0, most=1)

    @property
    def reads(self) -> tuple[Path, ...]:
        return (Path(self.weights).expanduser().with_suffix(".json"),)


def sha(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def test_a_path_is_its_content_and_a_text_is_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(b"some weights")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for way in (str(path), "weights.pt", "./weights.pt", "~/weights.pt"):
        found = by_content(Files(way, word=way))
        assert found == {"weights": sha(b"some weights"), "word": way, "share": 0.5}
    path.write_bytes(b"other weights")
    assert by_content(Files(str(path)))["weights"] == sha(b"other weights")


def test_a_name_is_a_name_though_a_file_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("musdb", "bundled"):
        (tmp_path / name).write_bytes(b"no weights")
        assert by_content(Files(name))["weights"] == name
    assert by_content(Files("nowhere.pt"))["weights"] == "nowhere.pt"


def test_a_folder_is_all_that_is_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a.bin").write_bytes(b"1")
    first = by_content(Files(str(folder)))["weights"]
    (folder / "deep" / "a.bin").write_bytes(b"2")
    assert by_content(Files(str(folder)))["weights"] != first
    assert first.startswith("sha256:")


def test_what_is_read_besides_counts(tmp_path: Path) -> None:
    weights, beside = tmp_path / "w.pt", tmp_path / "w.json"
    weights.write_bytes(b"w")
    assert read_besides(Files(str(weights))) == {}
    beside.write_text("{}")
    assert read_besides(Files(str(weights))) == {"w.json": sha(b"{}")}
    assert Choice("x", Files(str(weights))).canonical()["reads"] == {"w.json": sha(b"{}")}


def test_the_json_beside_hdemucs_weights_and_a_bundles_file_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("TORCH_HUB", raising=False)
    weights = tmp_path / "w.pt"
    weights.write_bytes(b"w")
    forms = []
    for beside in (None, "{}", '{"masked": true}'):
        if beside is not None:
            weights.with_suffix(".json").write_text(beside)
        forms.append(str(Choice("hdemucs", HDemucsOptions(weights=str(weights))).canonical()))
    assert len(set(forms)) == 3
    bundle = bundle_folder() / BUNDLES["musdb"]
    bundle.parent.mkdir(parents=True)
    for content in (b"1", b"2"):
        bundle.write_bytes(content)
        forms.append(str(Choice("hdemucs", HDemucsOptions(weights="musdb")).canonical()))
    assert len(set(forms)) == 5


def test_options_of_the_gains_change_the_canonical_form() -> None:
    from tests.helpers.specs import make

    plain = make(gains="cnn-embedding").canonical()
    wide = make(gains="cnn-embedding", options={"gains": {"size": "4"}}).canonical()
    assert plain["gains"] != wide["gains"]
    assert {**plain, "gains": None} == {**wide, "gains": None}


def test_a_plugin_named_in_an_option_is_one_however_it_is_written(tmp_path: Path) -> None:
    from tests.helpers.specs import make

    def form(front_end: str, weights: str = "bundled") -> str:
        options = {"haaqi-net.front_end": front_end, "haaqi-net.weights": weights}
        spec = make(gains="cnn", loss="haaqi-net", options={"loss": options})
        return spec.run_id(installed(), {})

    assert form("spectral") == form(f"{DISTRIBUTION}/spectral")
    assert form("spectral") != form("haaqi-light")
    (tmp_path / "w.safetensors").write_bytes(b"w")
    there = tmp_path / "w.safetensors"
    assert form("spectral", str(there)) == form(
        "spectral", f"{tmp_path}/../{tmp_path.name}/w.safetensors"
    )


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_options_that_are_paths_say_so(kind: str) -> None:
    for item in installed().all(KINDS[kind].spec):
        for field in fields(item.spec.options) if item.spec.options is not None else ():
            is_path = "path" in field.metadata.get("help", "") or field.name in ("weights", "root")
            asks = field.name != "trained_on" and field.type in (str, "str")
            assert field.metadata.get("path") or not (is_path and asks), (item.full_name, field)


def test_what_a_name_stands_for_is_there_before_the_id(
    tmp_path: Path, small_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    dataset = CadenzaDataset(CadenzaOptions(root=str(small_set)))
    from tests.helpers.specs import make

    spec = make(separator="hdemucs", gains="fixed", options={"separator": {"weights": "musdb"}})
    plain = make(separator="hdemucs", gains="fixed")
    runs = [
        PlannedRun(one.run_id(installed(), one.fingerprints(dataset)), one, False)
        for one in (plain, spec)
    ]
    asked = []

    def download(one: RunSpec, plugins: Plugins) -> None:
        asked.append(one.label)
        file = bundle_folder() / BUNDLES["musdb"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"weights")

    monkeypatch.setattr("bench.runs.execute.check_parts", download)
    found = with_files(runs, installed(), dataset)
    assert asked == [spec.label]
    assert found[0] == runs[0]
    assert found[1].run_id != runs[1].run_id
    assert with_files(found, installed(), dataset) == found
