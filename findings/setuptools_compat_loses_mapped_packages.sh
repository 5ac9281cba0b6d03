#!/usr/bin/env bash
# setuptools 84.2.1, mypy 2.4.0.
#
# Behaviour: a package whose parts lie elsewhere (package-dir = {"app.parts" = "parts"}) can be
# installed editable in three modes. The default one runs, but through an import hook that type
# checkers cannot follow: mypy does not find app.parts. `compat` installs without a word and cannot
# import app.parts at all: it puts one folder on the path and forgets the mapping. `strict`, a folder
# of links, runs and is seen. A wheel runs and is seen.
# Seen: "default: imports: yes; mypy: [import-not-found]", "compat: imports: no; mypy:
# [import-not-found]", "strict: imports: yes; mypy: [assignment]" (the planted wrong type is found),
# and the same for "wheel".
# A good engineer would have guessed: `compat` is the conservative mode that works for everything,
# and an editable install that succeeds can be imported.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip() { "$folder/venv/bin/pip" --quiet --disable-pip-version-check "$@"; }
pip install mypy==2.4.0
mkdir -p "$folder/project/app" "$folder/project/parts"
cd "$folder"
cat > project/pyproject.toml <<'EOF'
[build-system]
requires = ["setuptools==84.2.1"]
build-backend = "setuptools.build_meta"
[project]
name = "sample"
version = "1"
[tool.setuptools]
packages = ["app", "app.parts"]
package-dir = {"app" = "app", "app.parts" = "parts"}
package-data = {"app" = ["py.typed"]}
EOF
touch project/app/__init__.py project/app/py.typed
echo 'def double(number: int) -> int: return 2 * number' > project/parts/__init__.py
echo 'import app.parts' > runs.py
printf 'import app.parts\nanswer: str = app.parts.double(2)\n' > wrong_type.py

check() { # name of the mode, whether it must import, what mypy must say, options of pip
    local name=$1 imports=$2 says=$3 runs=no log
    shift 3
    pip install "$@"
    if venv/bin/python runs.py 2> /dev/null; then runs=yes; fi
    log=$(venv/bin/mypy --no-incremental wrong_type.py || true)
    pip uninstall --yes sample
    echo "$name: imports: $runs; mypy: $(grep -o '\[[a-z-]*\]' <<< "$log" | sort -u | tr '\n' ' ')"
    [ "$runs" = "$imports" ] && grep -q "\[$says\]" <<< "$log"
}
check default yes import-not-found --editable ./project
check compat no import-not-found --editable ./project --config-settings editable_mode=compat
check strict yes assignment --editable ./project --config-settings editable_mode=strict
check wheel yes assignment ./project
