#!/bin/sh
# The chapters and the reference, into build/docs. A tool that is not there is left out, and named:
# sh scripts/setup.sh --all brings both.
set -eu
cd "$(dirname "$0")/.."
mkdir -p build/docs
if command -v doxygen >/dev/null; then
  doxygen Doxyfile && echo "docs: build/docs/reference/index.html"
else
  echo "docs: no doxygen, so no reference"
fi
if command -v mkdocs >/dev/null; then
  mkdocs build --quiet && echo "docs: build/docs/site/index.html"
else
  echo "docs: no mkdocs, so no chapters"
fi
