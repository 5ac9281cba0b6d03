#!/usr/bin/env bash
# FuseSoC 2.4.3 and 2.4.4.
#
# Behaviour: a core file (CAPI=2) that states its licence by the key `license` is no core for 2.4.3: the
# schema of that release knows no such key, unknown keys are errors, and a core that does not parse is
# left out of the library with a warning, so that what depends on it ends in "not found". 2.4.4, of the
# same line of releases, takes it.
# Seen: "2.4.3: example:demo:core is not found", "2.4.4: example:demo:core is found".
# A good engineer would have guessed: releases of one line read the same core files, and metadata that
# a tool does not know does not take the core away.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/cores"
printf '%s\n' 'CAPI=2:' 'name: example:demo:core:1.0.0' 'license: MIT' 'targets:' '  default: {}' \
    > "$folder/cores/core.core"
for version in 2.4.3 2.4.4; do
    python3 -m venv "$folder/$version"
done
"$folder/2.4.3/bin/pip" install --quiet fusesoc==2.4.3 2> "$folder/pip.log"
"$folder/2.4.4/bin/pip" install --quiet fusesoc==2.4.4 2> "$folder/pip.log"
found=$(
    for version in 2.4.3 2.4.4; do
        rc=0
        HOME="$folder" "$folder/$version/bin/fusesoc" --cores-root "$folder/cores" \
            core show example:demo:core > "$folder/$version.log" 2>&1 || rc=$?
        echo "$version: example:demo:core is $([ $rc = 0 ] && echo found || echo 'not found')"
    done
)
echo "$found"
[ "$found" = "2.4.3: example:demo:core is not found
2.4.4: example:demo:core is found" ] || { tail -5 "$folder"/2.4.*.log; exit 1; }
