#!/bin/sh
# Makes the environment of infra/requirements.lock: sh infra/setup.sh VENV TOOLS
# Needs any Python 3; uv comes from the Python registry, Python >= 3.12 from this machine or through uv.
set -eu
venv=$1
tools=$2
mkdir -p "$tools"

find_uv() {
    if command -v uv >/dev/null 2>&1 && uv --version >/dev/null 2>&1; then command -v uv; return; fi
    if [ ! -x "$tools/bin/uv" ]; then
        for python in python3 python; do
            "$python" -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null || continue
            { "$python" -m venv "$tools" && "$tools/bin/python" -m pip install --quiet uv; } >&2 && break
            # Debian's Python may come without ensurepip; its pip, where there is one, serves as well.
            "$python" -m pip install --quiet --prefix "$tools" uv >&2 && break
        done
    fi
    if [ -x "$tools/bin/uv" ]; then echo "$PWD/$tools/bin/uv"; return; fi
    uv=$(find "$tools" -type f -name uv -perm -u+x 2>/dev/null | head -n 1)
    if [ -n "$uv" ]; then echo "$PWD/$uv"; return; fi
    echo "uv could not be installed: a Python 3 with venv or pip is needed (Debian: apt-get install python3-venv)" >&2
    return 1
}

# A Python that really runs: names on PATH may be shims that fail, pyenv keeps its versions in a folder.
find_python() {
    for candidate in python3.12 python3.13 python3 python \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.12*/bin/python "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin/python; do
        if "$candidate" -c 'import sys, venv; sys.exit(not (3, 12) <= sys.version_info < (3, 14))' 2>/dev/null; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    echo 3.12
}

uv=$(find_uv)
echo "$uv" > "$tools/uv.path"
python=$(find_python)
echo "setting up $venv (about 2.3 GB, one to five minutes) with Python $python" >&2
"$uv" venv --quiet --allow-existing --python "$python" "$venv" || {
    echo "no Python 3.12 or 3.13 runs here, and uv could not download one:" >&2
    echo "install python3.12 (or set PYENV_ROOT to a pyenv that has it), then run make again" >&2
    exit 1
}
# Bytecode is written now: where PYTHONDONTWRITEBYTECODE is set every start would compile all it imports, 20 s.
"$uv" pip sync --quiet --compile-bytecode --python "$venv/bin/python" --require-hashes infra/requirements.lock
"$uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation --offline --editable .
