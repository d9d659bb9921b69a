"""The types of the package for Node and browsers: a TypeScript program checks against them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from nitido_export.pack.write import write_pack
from support.npm import keep, npm

pytestmark = [pytest.mark.network, pytest.mark.slow]

TYPESCRIPT = "typescript@5.9.3"
PROGRAM = """
import { open, fromRgba, toRgba, type Card, type Result } from 'nitido-upscale-x2-n';

const model = await open({ threads: 1 });
const card: Card = model.card;
const stream = model.stream();
const frame = fromRgba(new Uint8ClampedArray(16), 2, 2);
const result: Result = await stream.restore(frame, { strength: 0.5, noise: 4 });
const level: number | null = result.level;
const rgba: Uint8ClampedArray = toRgba(result);
stream.reset();
// @ts-expect-error: there is no such setting
await stream.restore(frame, { sharpness: 1 });
// @ts-expect-error: a frame has pixels
await stream.restore({ width: 2, height: 2 });
await model.close();
export { card, level, rgba };
"""


def test_a_typescript_program_checks(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    def install(folder: Path) -> None:
        npm("install", "--no-save", TYPESCRIPT, cwd=folder)

    compiler = keep(pytestconfig, TYPESCRIPT.replace("@", "-"), install) / "node_modules" / "typescript" / "bin" / "tsc"
    package = tmp_path / "node_modules" / "nitido-upscale-x2-n"
    package.parent.mkdir()
    write_pack("upscale-x2-n", "node", package)
    assert json.loads((package / "package.json").read_text())["name"] == package.name
    (tmp_path / "program.mts").write_text(PROGRAM)
    options = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom"]
    for conditions in ([], ["--module", "esnext", "--moduleResolution", "bundler", "--customConditions", "browser"]):
        done = subprocess.run(
            ["node", compiler, *options, *conditions, "program.mts"],
            cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
