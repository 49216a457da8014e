"""What README promises: how to install, how to cite, and where terms are explained."""

from __future__ import annotations

import hashlib
import importlib
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

import bench
from tests.helpers.paths import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_citation_is_that_of_the_citation_file() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    (entry,) = re.findall(r"```bibtex\n(.*?)```", README, re.DOTALL)
    fields = dict(re.findall(r"^  (\w+) += \{+(.+?)\}+,?$", entry, re.MULTILINE))
    (author,) = citation["authors"]
    assert fields == {
        "title": citation["title"],
        "author": author["name"],
        "version": str(citation["version"]),
        "license": citation["license"],
    }
    assert author["name"] == PROJECT["authors"][0]["name"]
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]


def test_it_says_what_is_first_and_for_whom() -> None:
    order = ["**Researchers**", "**HAAQI**", "real music", "report.png", "## Install", "make demo"]
    places = [README.index(text) for text in order]
    assert places == sorted(places)


def test_names_of_wheel_and_distribution() -> None:
    (installs,) = set(re.findall(r"pip install (dist/\S+\.whl)", README))
    assert Path(f"dist/bench_hearing-{PROJECT['version']}-py3-none-any.whl").match(installs)
    assert PROJECT["name"] == "bench-hearing"


def wheel(index: Path, name: str, version: str) -> None:
    """An empty wheel in an index of the form that pip reads."""
    file = index / name / f"{name}-{version}-py3-none-any.whl"
    file.parent.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    address = f"{file.name.replace('+', '%2B')}#sha256={digest}"
    with (file.parent / "index.html").open("a", encoding="utf-8") as page:
        page.write(f'<a href="{address}">{file.name}</a><br>\n')


def test_the_line_for_processors_takes_their_builds_of_torch(tmp_path: Path) -> None:
    """With both indexes pip prefers what ends in +cpu, for the pair that is asked for."""
    line = "--extra-index-url https://download.pytorch.org/whl/cpu"
    assert line in README
    for version in ("2.11.0", "2.12.0"):
        for name in ("torch", "torchaudio"):
            wheel(tmp_path / "pypi", name, version)
            wheel(tmp_path / "cpu", name, f"{version}+cpu")
    wanted = [need for need in PROJECT["dependencies"] if need.startswith("torch")]
    assert len(wanted) == 2
    pip = [sys.executable, "-m", "pip", "install", "--isolated", "--disable-pip-version-check"]
    dry = ["--dry-run", "--ignore-installed", "--no-cache-dir", "--target", str(tmp_path / "to")]
    indexes = ["--index-url", (tmp_path / "pypi").as_uri()]
    indexes += ["--extra-index-url", (tmp_path / "cpu").as_uri()]
    command = [*pip, *dry, *indexes, *wanted]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Would install torch-2.11.0+cpu torchaudio-2.11.0+cpu" in done.stdout


TERMS = (
    *("HAAQI", "HAAQI-Net", "NAL-R", "LUFS", "SDR", "MUSHRA", "Headroom", "Contrast", "Oracle"),
    *("Audiogram", "dB HL", "dB SPL", "BSS Eval", "Clipped share", "Paired difference"),
    *("95 % interval", "p-value", "Rank range", "Proxy", "Reference protocol"),
)


@pytest.mark.parametrize("term", TERMS)
def test_the_glossary_has(term: str) -> None:
    page = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    assert re.search(rf"^\*\*(.+, )?{re.escape(term)}(, .+)?\*\*$", page, re.MULTILINE)


def test_every_weights_file_has_a_model_card_on_the_site(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "hooks"))
    page = importlib.import_module("catalogue").on_page_markdown("<!-- model-cards -->")
    files = [*Path(bench.__file__).parent.rglob("*.safetensors")]
    assert len(files) >= 4
    for file in files:
        card = (file.parent / "MODEL_CARD.md").read_text(encoding="utf-8")
        assert card.splitlines()[2] in page
        assert "licence" in card.lower()
        assert re.search(r"python -m bench\.|bench proxy train", card), file
