#!/bin/bash
# absent.sh TARGET: says that it is not part of a student's clone, and what to use instead (absent.txt). Ends with 2.
while IFS='|' read -r name instead; do
    [ "$name" = "$1" ] && echo "$1 is not part of a student's clone, only of the instructor's complete tree. $instead" >&2
done <"${BASH_SOURCE[0]%/*}/absent.txt"
exit 2
