"""Compares a denoiser in the browser (WebAssembly, 1 and 2 threads) with the native runtime, in turns.

    python benchmarks/browser.py
    python benchmarks/browser.py --models denoise-camera-n --size 320x240 --rounds 20

Needs Playwright, a Chromium on PATH and the engine of 'nitido explore --install'. Prints the median time of a frame,
frames per second, and the median over all rounds of each time divided by that of the native runtime with as many
threads. The machine should be quiet.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from nitido.app.camera import BrowserModel, open_models
from nitido.app.export import export_site
from nitido.inference.model import Model
from nitido.web.onnxruntime_web import BINARY, SCRIPT, find_engine

MODELS = ("denoise-camera-n", "denoise-camera-n.int8")
THREADS = (1, 2)
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
WARM_UP = 3
OPEN = """async ([script, binary, file, settings, threads, width, height]) => {
  const ort = await import(new URL(script, location));
  ort.env.logLevel = 'error';
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = { wasm: new URL(binary, location).href };
  const bytes = new Uint8Array(await (await fetch(file)).arrayBuffer());
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ['wasm'], logSeverityLevel: 3 });
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7919) % 256);
  const usual = { strength: 1, noise: -1 };
  window.frame = async () => {
    const feeds = { frame: new ort.Tensor('uint8', pixels, [1, height, width, 3]) };
    for (const name of settings) feeds[name] = new ort.Tensor('float32', Float32Array.of(usual[name]), []);
    const began = performance.now();
    await session.run(feeds);
    return performance.now() - began;
  };
  return crossOriginIsolated;
}"""


class Site(SimpleHTTPRequestHandler):
    """Files with the headers that give WebAssembly its threads."""

    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".wasm": "application/wasm", ".mjs": "text/javascript"}  # noqa: RUF012

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def served(models: list[BrowserModel]) -> Iterator[str]:
    """The address of the exported site."""
    with tempfile.TemporaryDirectory() as place:
        export_site(Path(place) / "site", models, [], find_engine())
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Site, directory=f"{place}/site"))
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/camera.html"
        finally:
            server.shutdown()
            server.server_close()


def in_browser(browser: Browser, url: str, model: BrowserModel, threads: int, size: tuple[int, int]) -> Page:
    """A page that holds the model; ``frame()`` there runs it once and returns milliseconds."""
    page = browser.new_page()
    page.goto(url)
    facts = model.facts()
    given = [f"engine/{SCRIPT}", f"engine/{BINARY}", f"models/{model.name}", facts["settings"], threads, *size]
    if not page.evaluate(OPEN, given):
        sys.exit("the page is not isolated, so WebAssembly has no threads")
    return page


def native(model: BrowserModel, threads: int, size: tuple[int, int]) -> Callable[[], float]:
    """Runs the model once and returns milliseconds."""
    opened = Model(model.path, "cpu", threads=threads, spinning=False)
    width, height = size
    frame = (np.arange(width * height * 3, dtype=np.int64) * 7919 % 256).astype(np.uint8).reshape(height, width, 3)

    def run() -> float:
        began = time.perf_counter()
        opened(frame, tile=0)
        return 1000 * (time.perf_counter() - began)

    return run


def measure(runs: dict[tuple[str, int], Callable[[], float]], rounds: int) -> dict[tuple[str, int], list[float]]:
    """Milliseconds of every run, each once in every round."""
    for run in runs.values():
        for _ in range(WARM_UP):
            run()
    times: dict[tuple[str, int], list[float]] = {key: [] for key in runs}
    for _ in range(rounds):
        for key, run in runs.items():
            times[key].append(run())
    return times


def report(name: str, times: dict[tuple[str, int], list[float]]) -> None:
    for (kind, threads), row in times.items():
        median = statistics.median(row)
        ratio = statistics.median(a / b for a, b in zip(row, times["native", threads], strict=True))
        print(f"{name:24} {kind:8} {threads:7} {median:8.1f} {1000 / median:8.1f} {ratio:10.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=MODELS, metavar="NAME", help="models of single frames")
    parser.add_argument("--size", default="640x480", help="size of the frames (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=30, help="frames of each (default: %(default)s)")
    options = parser.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        sys.exit(f"no Chromium on PATH; expected one of {', '.join(PROGRAMS)}")
    models = open_models(options.models)
    print(f"{'model':24} {'runtime':8} {'threads':>7} {'ms':>8} {'fps':>8} {'× native':>10}")
    with ExitStack() as stack:
        url = stack.enter_context(served(models))
        browser = stack.enter_context(sync_playwright()).chromium.launch(executable_path=program)
        stack.callback(browser.close)
        for model in models:
            runs: dict[tuple[str, int], Callable[[], float]] = {}
            for threads in THREADS:
                runs["native", threads] = native(model, threads, (width, height))
                page = in_browser(browser, url, model, threads, (width, height))
                runs["browser", threads] = partial(page.evaluate, "frame()")
            report(model.card.name, measure(runs, options.rounds))


if __name__ == "__main__":
    main()
