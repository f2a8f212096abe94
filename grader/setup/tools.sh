# Every tool that a journey may need: one line each, and which journey needs which. Sourced by need.sh and doctor.sh.
#
# id | what must be found | minimum | Debian package | Homebrew formula | what it is for
# "What must be found" is a list of commands (the first one tells the version), or header:<file> for a C++ header,
# runtime:<library of clang>, bochs:<file of its installation>, or file:<path>. Keep it bash 3.2 (macOS): no associative
# arrays.

mica_tools() {
    cat <<'TABLE'
python  | python3                    | 3.9  | python3           | python3      | runs the grader
clang   | clang++ clang              | 14   | clang             | llvm         | compiles the kernel
lld     | lld-link ld.lld            | 14   | lld               | lld          | links the kernel as PE images and the loader
llvm    | llvm-objcopy llvm-objdump llvm-dlltool llvm-symbolizer | 14 | llvm | llvm         | import libraries, stripped copies, symbolised backtraces
qemu    | qemu-system-i386           | 6.2  | qemu-system-x86   | qemu         | the machine that Mica boots on
qimg    | qemu-img                   | 6.2  | qemu-utils        | qemu         | snapshots of the test machine
bwrap   | bwrap                      | 0.4  | bubblewrap        | -            | a sandbox around students' code (optional)
gdb     | gdb                        | 10   | gdb               | gdb          | looks into the running kernel
binutil | objcopy                    | 2.35 | binutils          | binutils     | gives gdb the kernel's symbols
gtest   | header:gtest/gtest.h       | 1.10 | libgtest-dev      | googletest   | host tests
asan    | runtime:asan               | -    | libclang-rt-dev   | llvm         | finds stray accesses in host tests
bochs   | bochs                      | 2.6  | bochs             | bochs        | the second machine that Mica boots on
bterm   | bochs:libbx_term_gui.so    | -    | bochs-term        | bochs        | Bochs without a window
bbios   | bochs:BIOS-bochs-latest    | -    | bochsbios         | bochs        | Bochs' firmware
bvga    | bochs:VGABIOS-lgpl-latest  | -    | bochsbios vgabios | bochs        | Bochs' video firmware
mingw   | i686-w64-mingw32-gcc i686-w64-mingw32-nm | - | gcc-mingw-w64-i686 mingw-w64-i686-dev | mingw-w64 | the public headers of drivers, and drivers built from them
mingwxx | i686-w64-mingw32-g++       | -    | g++-mingw-w64-i686 | mingw-w64    | programs of others in C++ (make thirdparty)
format  | clang-format               | 14   | clang-format      | clang-format | checks the layout of sources
tidy    | clang-tidy                 | 14   | clang-tidy        | llvm         | finds mistakes in sources
doxygen | doxygen                    | 1.9  | doxygen           | doxygen      | builds the documentation site
dot     | dot                        | 2.40 | graphviz          | graphviz     | draws the diagrams of the documentation
awesome | file:/usr/share/doxygen-awesome-css/doxygen-awesome-sidebar-only.css | - | doxygen-awesome-css | - | the look of the documentation site
qgui    | file:/usr/lib/x86_64-linux-gnu/qemu/ui-gtk.so | - | qemu-system-gui | - | QEMU's window
TABLE
}

# mica_set NAME: the tools that one journey needs; a trailing ? marks one that it can do without.
mica_set() {
    case $1 in
    hint)  echo "python" ;;
    check) echo "python clang" ;;
    build) echo "clang lld llvm python" ;;
    grade) echo "python clang lld llvm qemu qimg bwrap?" ;;
    run)   echo "python clang lld llvm qemu" ;;
    gdb)   echo "python clang lld llvm qemu qimg gdb binutil" ;;
    bochs) echo "bochs bterm bbios bvga" ;;
    gui)   echo "qgui?" ;;
    test)  echo "python clang lld llvm qemu qimg bwrap? gdb binutil gtest asan bochs bterm bbios bvga mingw mingwxx format tidy" ;;
    thirdparty) echo "python clang lld llvm mingw mingwxx" ;;
    style) echo "python clang lld llvm format tidy" ;;
    docs)  echo "python doxygen dot awesome?" ;;
    all)   echo "python clang lld llvm qemu qimg bwrap? gdb binutil gtest asan bochs bterm bbios bvga mingw mingwxx format tidy doxygen dot awesome?" ;;
    *)     echo "tools.sh: no tool set named '$1'" >&2; return 2 ;;
    esac
}

# mica_tool ID: sets tool_find tool_min tool_deb tool_brew tool_why.
mica_tool() {
    local id find min deb brew why
    while IFS='|' read -r id find min deb brew why; do
        [ "${id// /}" = "$1" ] || continue
        read -r tool_find <<<"$find"; read -r tool_min <<<"$min"
        read -r tool_deb <<<"$deb"; read -r tool_brew <<<"$brew"; read -r tool_why <<<"$why"
        return 0
    done < <(mica_tools)
    echo "tools.sh: no tool '$1'" >&2; return 2
}

# version_of TEXT: the first thing in it that looks like a version.
version_of() { [[ $1 =~ ([0-9]+\.[0-9]+(\.[0-9]+)?) ]] && echo "${BASH_REMATCH[1]}"; }

# at_least HAVE WANT: compares major.minor as numbers.
at_least() {
    local have_major=${1%%.*} have_rest=${1#*.} want_major=${2%%.*} want_rest=${2#*.}
    [ "$want_rest" = "$2" ] && want_rest=0
    [ "$have_rest" = "$1" ] && have_rest=0
    [ "$have_major" -gt "$want_major" ] ||
        { [ "$have_major" -eq "$want_major" ] && [ "${have_rest%%.*}" -ge "${want_rest%%.*}" ]; }
}

# untested ID VERSION: says the tested range when a release lies outside of it (tested.txt), else nothing.
untested() {
    local id low high
    while IFS='|' read -r id low high; do
        [ "${id// /}" = "$1" ] || continue
        low=${low// /} high=${high// /}
        case $high in # 22 means every 22.x
        *.*) at_least "$2" "$low" && at_least "$high" "$2" ;;
        *)   at_least "$2" "$low" && [ "${2%%.*}" -le "$high" ] ;;
        esac || echo "$low to $high"
    done <"${BASH_SOURCE[0]%/*}/tested.txt"
}

# look_for ID: sets tool_state to ok, missing, old or broken, tool_version, and tool_paths (what was found).
look_for() {
    local word path
    mica_tool "$1" || return
    tool_state=ok tool_version='' tool_paths='' tool_lack=''
    for word in $tool_find; do
        case $word in
        header:*) path=$(first_of {/usr,/usr/local,/opt/homebrew}/include/"${word#header:}") ;;
        bochs:*)  path=$(first_of {/usr,/usr/local,/opt/homebrew}/{share/bochs,lib/bochs/plugins,lib/*/bochs/plugins}/"${word#bochs:}"{,.bin}) ;;
        runtime:*) path=$(first_of "$(clang++ -print-resource-dir 2>/dev/null)"/lib/*/libclang_rt."${word#runtime:}"*) ;;
        file:*)   path=$(first_of "${word#file:}") ;;
        *)        path=$(command -v "$word" 2>/dev/null) ;;
        esac
        if [ -z "$path" ]; then tool_state=missing; tool_lack=${word#*:}; return 0; fi
        tool_paths="$tool_paths $path"
    done
    [ "$tool_min" = - ] && return 0
    set -- $tool_paths
    case ${tool_find%% *} in
    header:*) return 0 ;;
    dot)      tool_version=$(version_of "$(dot -V 2>&1)") ;;
    bochs)    tool_version=$(version_of "$(bochs --help 2>&1 | grep -i emulator)") ;;
    *)        tool_version=$(version_of "$("$1" --version 2>&1 </dev/null)") ;;
    esac
    if [ -z "$tool_version" ]; then tool_state=broken
    elif ! at_least "$tool_version" "$tool_min"; then tool_state=old
    fi
}

# first_of PATH...: the first that exists.
first_of() {
    local path
    for path; do
        if [ -e "$path" ]; then echo "$path"; return; fi
    done
}
