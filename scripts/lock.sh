#!/bin/sh
# Pin every dependency with its hashes, for all supported Pythons and platforms.
set -eu
compile() {
    uv pip compile pyproject.toml requirements/build.in --quiet --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate --upgrade --constraint requirements/constraints.in "$@"
}
compile --output-file requirements/runtime.lock
compile --extra demo --output-file requirements/demo.lock
compile --extra demo --group dev --output-file requirements/dev.lock
compile --all-extras --output-file requirements/bench.lock
