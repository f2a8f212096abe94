#!/bin/bash
# need.sh SET...: the tools of these sets (tools.sh) are here when it returns 0; what lacked has been installed.
#
# Runs before every journey, so the usual case costs a few milliseconds: a stamp in $O/.setup remembers PATH and the
# dates of the tools that were found, and while they are the same nothing is looked at again.
set -u
here=${BASH_SOURCE[0]%/*}
build=${O:-build}
stamp=${*// /}
stamp=$build/.setup/${stamp// /+}
room() { df -Pk "$1" 2>/dev/null | { read -r _; read -r _ _ _ free _; echo "${MICA_ROOM_KB:-${free:-9999999}}"; }; }

# The build folder, or what there is of the way to it: its disk is the one that gets full.
place=$build
while [ ! -e "$place" ]; do
    case $place in
    /*/*|[!/]*/*) place=${place%/*} ;;
    /*) place=/ ;;
    *) place=. ;;
    esac
done

# may_write: the build folder is there, and what is in it is ours; says it when not.
may_write() {
    local folder said
    if [ ! -d "$build/.setup" ] && ! said=$(mkdir -p "$build/.setup" 2>&1); then
        said=${said##*: }
        [ "$(room "$place")" -gt 0 ] || said="the disk is full"
    else
        for folder in "$build" "$build"/.setup "$build"/*/; do
            if [ -d "$folder" ] && [ ! -w "$folder" ]; then said="${folder%/} belongs to somebody else, or is on a disk that is read-only"; break; fi
        done
    fi
    [ -z "${said:-}" ] && return
    echo "Cannot write in the build folder $build: $said." \
        "Give yourself the right to (was a command run with sudo?), or build elsewhere: make grade O=/tmp/mica" >&2
    exit 2
}

if [ -f "$stamp" ]; then
    { IFS= read -r was_path; IFS= read -r files; IFS= read -r -d '' was; } <"$stamp"
    if [ "$was_path" = "$PATH" ] && [ "$(ls -ilLdn $files 2>/dev/null)" = "${was%$'\n'}" ]; then
        may_write
        if [ "$(room "$place")" -ge 100000 ]; then exit 0; fi
        echo "The disk is full: less than 100 MB is free at $place, where the build goes. Free some," \
            "or build elsewhere: make grade O=/another/folder" >&2
        exit 2
    fi
fi

. "$here/tools.sh"
. "$here/install.sh"

# look_at SETS: fills missing (ids, needed), wanted (ids, optional) and found (paths); says what is too old.
look_at() {
    local set id bad=0
    missing='' wanted='' found=''
    for set; do
        for id in $(mica_set "$set"); do
            case " $missing $wanted " in *" ${id%\?} "*) continue ;; esac
            look_for "${id%\?}" || return 2
            case $tool_state in
            ok) found="$found$tool_paths" ;;
            missing) [ "$id" = "${id%\?}" ] && missing="$missing ${id}" || wanted="$wanted ${id%\?}" ;;
            old) complain_old; bad=1 ;;
            broken)
                echo "${tool_paths# } is there but does not run: reinstall $tool_deb ($tool_why)." >&2; bad=1 ;;
            esac
        done
    done
    return $bad
}

complain_old() {
    local path=${tool_paths# }
    path=${path%% *}
    case $tool_find in
    clang*|*lld*|llvm*)
        echo "$path is version $tool_version: Mica needs $tool_min or newer ($tool_why)." \
            "Install a newer LLVM (https://apt.llvm.org) and say where: make LLVM_BIN=/usr/lib/llvm-18/bin" ;;
    python3*)
        echo "$path is version $tool_version: Mica needs $tool_min or newer ($tool_why)." \
            "Put a newer one first in PATH, or say make PYTHON=/path/to/python3" ;;
    *)  echo "$path is version $tool_version: Mica needs $tool_min or newer ($tool_why). Update $tool_deb." ;;
    esac >&2
}

look_at "$@" || exit 2
if [ -n "$missing" ]; then
    say_missing
    install_missing || exit 2
    hash -r
    look_at "$@" || exit 2
    if [ -n "$missing" ]; then
        for id in $missing; do
            look_for "$id"
            echo "Still not there after installing $tool_deb: $tool_lack ($tool_why). Is PATH complete? PATH=$PATH" >&2
        done
        exit 2
    fi
fi
if [ "$(room "$place")" -lt 1000000 ]; then
    echo "Not enough room on the disk: $(($(room "$place") / 1000)) MB are free at $place, where the build goes; Mica needs 1 GB." \
        "Free some, or build elsewhere: make grade O=/another/folder" >&2
    exit 2
fi
may_write
# Whole or not at all: a stamp that was cut short must not be believed.
{ echo "$PATH"; echo "${found# }"; ls -ilLdn $found; } >"$stamp.$$" && mv -f "$stamp.$$" "$stamp"
