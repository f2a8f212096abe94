#!/bin/bash
# doctor.sh: what is there, which versions, what works. Offers to install what is missing, then tries the tools:
# makes a PE image, boots a probe in each emulator. Ends with 0 when everything that is needed works.
set -u
here=${BASH_SOURCE[0]%/*}
. "$here/tools.sh"
export O=${O:-build}
bad=0
off=''
untried=''

line() { printf '  %-8s %-34s %-8s %s\n' "$@"; }

list() {
    local id name range
    for id in $(mica_set all); do
        look_for "${id%\?}"
        name=${tool_find%% *} name=${name##*[:/]}
        range=$([ "$tool_state" != ok ] || untested "${id%\?}" "$tool_version")
        case $tool_state:$id in
        ok:*) if [ -n "$range" ]; then
                line UNTRIED "$name" "$tool_version" "Mica was tested with $range: $tool_why"; untried="$untried $name $tool_version"
                continue
              fi
                   line ok "$name" "$tool_version" "$tool_why" ;;
        missing:*\?) line - "${tool_lack##*/}" "" "$tool_why" ;;
        missing:*)  line MISSING "${tool_lack##*/}" "${tool_min#-}" "$tool_why" ;;
        old:*)      line "TOO OLD" "$name" "$tool_version" "needs $tool_min or newer: $tool_why" ;;
        broken:*)   line BROKEN "$name" "" "does not run: $tool_why" ;;
        esac
    done
}

# try WHAT COMMAND...: one line with the outcome; what a failing command said follows. Status 3: it is off.
try() {
    local what=$1 said
    shift
    said=$("$@" 2>&1 </dev/null)
    case $? in
    0)  line works "$what" "" "${said##*$'\n'}" ;;
    3)  line OFF "$what" "" "${said##*$'\n'}"; off="$off, $what" ;;
    *)  line FAILS "$what" "" ""
        printf '%s\n' "$said" | tail -n 6 | sed 's/^/            /'
        bad=1 ;;
    esac
}

. /etc/os-release 2>/dev/null
echo "System: ${PRETTY_NAME:-$(uname -sr)}, $(uname -m), $(getconf _NPROCESSORS_ONLN) processors," \
    "$(df -Pk . | awk 'NR == 2 { printf "%.1f", $4 / 1048576 }') GB free at $PWD"
echo "Tested with $(sed -n 's/ *| */ /g; s/^\([a-z]*\) \([0-9.]*\) \([0-9.]*\)$/\1 \2 to \3,/p' "$here/tested.txt" | tr '\n' ' ' | sed 's/, $//')."
echo "Tools:"
list
[ -z "$untried" ] || echo "Outside of what was tested:$untried. It may work (see below); if not, name a tested one: make LLVM_BIN=/usr/lib/llvm-19/bin"
if ! "$here/need.sh" all; then
    echo "Not everything is there: the lines above say what to do."
    exit 2
fi
hash -r
scratch=$(mktemp -d "${TMPDIR:-/tmp}/mica-doctor.XXXXXX") || exit 2
trap 'rm -rf "$scratch"' EXIT

pe_image() {
    cat >"$scratch/probe.cpp" <<'CODE'
struct Guard { ~Guard(); };
extern "C" long Touch();
extern "C" int _except_handler3() { return 1; }
extern "C" int _fltused = 0;
extern "C" __declspec(noinline) long Touch() { return 7; }
extern "C" long __stdcall Entry(void*) { __try { return Touch(); } __except (1) { return 0; } }
CODE
    clang++ --target=i686-pc-windows-msvc -march=i686 -std=c++20 -ffreestanding -fno-rtti -fexceptions -fms-extensions \
        -O2 -c "$scratch/probe.cpp" -o "$scratch/probe.obj" &&
        lld-link /machine:x86 /nodefaultlib /safeseh:no /subsystem:native /driver /entry:Entry /base:0x80100000 /fixed:no \
            "/out:$scratch/probe.exe" "$scratch/probe.obj" &&
        llvm-objcopy --strip-debug "$scratch/probe.exe" && echo "a PE image with structured exceptions"
}

build_mica() {
    local said
    if ! said=$(make --no-print-directory -f kernel/build.mk kernel 2>&1); then
        printf '%s\n' "$said" | grep -E 'error' || printf '%s\n' "$said"
        return 1
    fi
    echo "kernel, HAL, drivers and a disk image in $O/free"
}

host_program() {
    printf '#include <vector>\n#include <gtest/gtest.h>\nTEST(A, B) { EXPECT_EQ(std::vector<int>(3).size(), 3u); }\n' \
        >"$scratch/host.cpp"
    clang++ -std=c++20 -fsanitize=address,undefined "$scratch/host.cpp" -o "$scratch/host" -lgtest -lgtest_main -pthread && "$scratch/host" >/dev/null &&
        echo "a C++20 program with GoogleTest and sanitizers"
}

echo "Tried:"
try "kernel compiler" pe_image
try "host compiler" host_program
try "QEMU" python3 "$here/probe.py" qemu "$scratch"
try "QEMU snapshots" python3 "$here/probe.py" snapshot "$scratch"
try "Bochs" python3 "$here/probe.py" bochs "$scratch"
try "gdb with Python" gdb -nx -batch -ex 'python print("scripts run, " + gdb.VERSION)'
try "sandbox" python3 "$here/probe.py" sandbox "$scratch"
if [ -f kernel/build.mk ]; then
    try "building Mica" build_mica
    if [ $bad = 0 ]; then
        for emulator in qemu bochs; do
            try "Mica in $emulator" python3 -m grader run --out "$O" --emu $emulator --probe
        done
    fi
fi
if [ $bad != 0 ]; then echo "Something does not work: see above."
elif [ -n "$off" ]; then echo "What is needed works, but is OFF: ${off#, }. Go on: make grade"
else echo "Everything works: make grade"
fi
exit $bad
