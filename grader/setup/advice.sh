#!/bin/bash
# advice.sh: what to do when the kernel's own sources do not compile, in a sentence or two.
here=${BASH_SOURCE[0]%/*}
. "$here/tools.sh"
look_for clang
range=$([ -z "$tool_version" ] || untested clang "$tool_version")
if [ -n "$range" ]; then
    echo "What to do: this is clang $tool_version, and Mica was tested with $range. Install one of these and name it:" \
        "make LLVM_BIN=/usr/lib/llvm-19/bin. With a changed file of yours, correct the first error instead."
elif [ -z "$tool_version" ]; then
    echo "What to do: clang++ is not there or does not run. make doctor says what to install."
else
    echo "What to do: correct the first error if it is in a file that you changed. If you changed none: make clean, then" \
        "make doctor; if it still fails, report the first error together with the line 'clang $tool_version'."
fi
