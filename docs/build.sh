#!/bin/bash
# build.sh O: the documentation site in O/docs/html. Two passes: the public headers alone, where every warning is an
# error, then the site.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:-build}/docs
mkdir -p "$out"
theme=
for folder in /usr/share/doxygen-awesome-css /usr/local/share/doxygen-awesome-css; do
    if [ -z "$theme" ] && [ -d "$folder" ]; then theme=$folder; fi
done

{
    cat docs/Doxyfile
    echo "INPUT = kernel/inc"
    echo "FILE_PATTERNS = *.h"
    echo "GENERATE_HTML = NO"
    echo "GENERATE_XML = YES"
    echo "HAVE_DOT = NO"
    echo "OUTPUT_DIRECTORY = $out/headers"
    echo "WARN_AS_ERROR = FAIL_ON_WARNINGS"
} >"$out/headers.doxyfile"
if ! doxygen "$out/headers.doxyfile" 2>"$out/headers.log"; then
    cat "$out/headers.log" >&2
    echo "docs: the comments of the public headers (kernel/inc) have mistakes: see above" >&2
    exit 1
fi

{
    cat docs/Doxyfile
    echo "OUTPUT_DIRECTORY = $out"
    if [ -n "$theme" ]; then
        echo "HTML_EXTRA_STYLESHEET = $theme/doxygen-awesome.css $theme/doxygen-awesome-sidebar-only.css"
    fi
} >"$out/site.doxyfile"
rm -rf "$out/html"
doxygen "$out/site.doxyfile" 2>"$out/site.log"
pages=$(find "$out/html" -name '*.html' | wc -l)
warnings=$(grep -c ': ' "$out/site.log" || true)
echo "docs: no warnings on public headers; $pages pages in $out/html/index.html" \
    "$([ "$warnings" = 0 ] || echo "($warnings remarks about the rest in $out/site.log)")"
