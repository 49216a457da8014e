"""The pictures of README and documentation, from boards: `make pictures`.

Reports and listening pages are opened in a headless Chromium, terminals are drawn from what the
commands print. Each picture is a small PNG in docs/assets.
"""

from __future__ import annotations

import argparse
import html
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from PIL import Image
from playwright.sync_api import sync_playwright

import bench

ROOT: Final = Path(__file__).parents[1]
ASSETS: Final = ROOT / "docs" / "assets"
MOST_BYTES: Final = 200_000
ABLATION: Final = ROOT / "leaderboards" / "measured" / "demo-ablation" / "board"
REAL: Final = ROOT / "leaderboards" / "measured" / "output-stage" / "board"
REAL_SUITE: Final = REAL.parent / "suite.toml"
TERMINAL: Final = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: #fff; }}
pre {{ display: inline-block; margin: 0; padding: 16px 20px; background: #f6f8fa; color: #1f2328;
  font: 13px/1.35 "DejaVu Sans Mono", monospace; }}
b {{ color: #3f51b5; }}
</style><pre>{text}</pre>"""
NOTEBOOK: Final = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: #fff; font: 14px/1.4 "DejaVu Sans", sans-serif; }}
main {{ padding: 16px 20px; }}
code {{ display: block; padding: 8px 12px; background: #f6f8fa; border: 1px solid #d0d7de;
  font: 13px "DejaVu Sans Mono", monospace; }}
</style>
<main><code>import bench<br>bench.leaderboard("demo-board")</code><div>{text}</div></main>"""


def main() -> None:
    """Draw all pictures, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("board", type=Path, help="a board of the demo, as make demo makes it")
    parser.add_argument("names", nargs="*", help="pictures to draw; all without it")
    arguments = parser.parse_args()
    os.environ["BENCH_LOAD_PLUGINS"] = ""  # of bench itself, whatever else is installed
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox"]
        )
        for name, draw in pictures(arguments.board.resolve(), Path(folder)).items():
            if name in (arguments.names or [name]):
                path = ASSETS / f"{name}.png"
                draw(browser, path)
                shrink(path)
                print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} KB")
        browser.close()


def pictures(board: Path, folder: Path) -> dict[str, Callable[[Any, Path], None]]:
    """How each picture is drawn, by its name."""
    return {
        "report": partial(report, board=board, folder=folder),
        "report-training": partial(report, board=board, folder=folder, section="#training"),
        "report-effects": partial(report, board=ABLATION, folder=folder, section="#effects"),
        "listening-page": partial(listening, board=board, folder=folder),
        "listening-test": partial(listening_test, board=board, folder=folder),
        "notebook": partial(notebook, board=board),
        "leaderboard": partial(terminal, command=f"bench leaderboard --out {board}"),
        "checkpoint": partial(
            terminal, command=f"bench leaderboard --suite {REAL_SUITE} --out {REAL}", lines=27
        ),
        "plugin-check": partial(terminal, command="bench plugins check mixture"),
        "proxy": partial(proxy, folder=folder),
    }


def opened(browser: Any, page: Path | str, *, width: int = 1120, height: int = 800) -> Any:
    """A page in light colours."""
    view = browser.new_page(
        viewport={"width": width, "height": height}, color_scheme="light", device_scale_factor=1.5
    )
    if isinstance(page, Path):
        view.goto(page.as_uri())
    else:
        view.set_content(page)
    view.wait_for_timeout(500)
    return view


def report(browser: Any, path: Path, *, board: Path, folder: Path, section: str = "") -> None:
    """The top of a board's report, or of one section of it."""
    page = bench.write_report(board, to=folder / f"report-{board.parent.name}-{board.name}")
    view = opened(browser, page, width=1280, height=1000)
    if section:
        box = view.locator(section).bounding_box()
        width, height = box["width"] + 32, min(box["height"] + 32, 760)
        area = {"x": max(0, box["x"] - 16), "y": box["y"] - 16, "width": width, "height": height}
        view.screenshot(path=path, full_page=True, clip=area)
    else:
        view.screenshot(path=path)


def listening(browser: Any, path: Path, *, board: Path, folder: Path) -> None:
    """A page with all systems of a board."""
    out = folder / "listening"
    run(
        "bench", "listen", "--out", str(board), "--to", str(out), "--seconds", "6", "--no-simulated"
    )
    view = opened(browser, out / "index.html", height=760)
    view.wait_for_timeout(2000)
    view.screenshot(path=path)


def listening_test(browser: Any, path: Path, *, board: Path, folder: Path) -> None:
    """A trial of a blind test."""
    out = folder / "test"
    run("bench", "listening-test", "make", "--out", str(board), "--to", str(out), "--seed", "1")
    view = opened(browser, out / "test" / "index.html", height=480)
    view.screenshot(path=path)


def notebook(browser: Any, path: Path, *, board: Path) -> None:
    """A leaderboard as a notebook shows it."""
    text = bench.leaderboard(board)._repr_html_()
    view = opened(browser, NOTEBOOK.format(text=text))
    view.locator("main").screenshot(path=path)


def terminal(browser: Any, path: Path, *, command: str, lines: int = 100) -> None:
    """A command and the first lines of what it prints."""
    printed = run(*shlex.split(command)).rstrip().split("\n")
    text = html.escape("\n".join([*printed[:lines], *["..."] * (len(printed) > lines)]))
    shown = " ".join(Path(word).name if word[:1] == "/" else word for word in shlex.split(command))
    view = opened(browser, TERMINAL.format(text=f"<b>$ {html.escape(shown)}</b>\n{text}"))
    view.locator("pre").screenshot(path=path)


def proxy(browser: Any, path: Path, *, folder: Path) -> None:
    """True HAAQI against the proxy's prediction."""
    run("bench", "proxy", "evaluate", "--songs", "1", "--plot", str(folder / "proxy.png"))
    path.write_bytes((folder / "proxy.png").read_bytes())


def run(*command: str, columns: int = 110) -> str:
    """What a command prints on standard output."""
    words = [sys.executable, "-m", *command]
    done = subprocess.run(
        words,
        env={**os.environ, "COLUMNS": str(columns)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def shrink(path: Path) -> None:
    """Keep as many colours as fit into 200 KB, and no metadata."""
    picture = Image.open(path).convert("RGB")
    for colours in (256, 128, 64, 32):
        picture.quantize(colours, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size < MOST_BYTES:
            break


if __name__ == "__main__":
    main()
