# Says what is missing and installs it: through apt here, or by showing the one line to type. Sourced by need.sh.

say_missing() {
    local id count=0
    for id in $missing; do count=$((count + 1)); done
    if [ $count = 1 ]; then echo "One tool is missing:"; else echo "$count tools are missing:"; fi
    for id in $missing; do
        mica_tool "$id"
        case $tool_min in -) tool_min='' ;; esac
        printf '    %-20s %-8s %s\n' "$(lacking "$id")" "${tool_min:+>= $tool_min}" "$tool_why"
    done
    case " $missing " in
    *' qemu '*)
        set -- $(compgen -c qemu-system- | sort -u)
        [ $# -gt 0 ] && echo "QEMU is here, but without i386 (found: $*)." ;;
    esac
}

lacking() { look_for "$1"; echo "$tool_lack"; }

# packages_of COLUMN ID...: the packages behind these tools, each once.
packages_of() {
    local column=$1 id package all=' '
    shift
    for id; do
        mica_tool "$id"
        [ "$column" = brew ] && tool_deb=$tool_brew
        for package in $tool_deb; do
            case "$all- " in *" $package "*) ;; *) all="$all$package " ;; esac
        done
    done
    all=${all# }
    echo "${all% }"
}

install_missing() {
    if command -v apt-get >/dev/null 2>&1; then
        apt_install $(packages_of deb $missing)
    elif [ "$(uname -s)" = Darwin ]; then
        echo "Install them with Homebrew (https://brew.sh), then run make again:"
        echo "    brew install $(packages_of brew $missing $wanted)"
        return 1
    else
        echo "Install them with this system's package manager, then run make again. Debian's names for them:"
        echo "    $(packages_of deb $missing $wanted)"
        return 1
    fi
}

# everything PACKAGE...: these, and what later journeys will ask for, each once: whoever must ask somebody else to install asks
# once. In the complete tree that is all; a students' branch grades, runs and debugs.
everything() {
    local id ids='' sets='grade run gdb' package all=" $* "
    [ -d solutions ] && sets='all'
    for id in $(for sets in $sets; do mica_set "$sets"; done) $wanted; do
        look_for "${id%\?}"
        [ "$tool_state" = missing ] && ids="$ids ${id%\?}"
    done
    for package in $(packages_of deb $ids); do
        case "$all" in *" $package "*) continue ;; esac
        ! command -v apt-cache >/dev/null 2>&1 || apt-cache show "$package" >/dev/null 2>&1 || [ -z "$lists" ] || continue
        all="$all$package "
    done
    all=${all# }
    echo "${all% }"
}

apt_install() {
    local sudo='' answer free package log=${O:-build}/.setup/apt.log
    local lists=$(find /var/lib/apt/lists -name '*Packages*' -print -quit 2>/dev/null)
    if [ "$(id -u)" != 0 ]; then
        if ! command -v sudo >/dev/null 2>&1; then
            echo "This account may not install packages and there is no sudo. As root, run (it names what every journey needs):"
            echo "    apt-get update && apt-get install --no-install-recommends $(everything "$@")"
            return 1
        fi
        sudo='sudo'
        [ -t 0 ] || sudo='sudo -n'
    fi
    if [ -z "${YES:-}" ] && [ -z "${CI:-}" ] && [ -t 0 ] && [ -t 1 ]; then
        echo "To install: $*"
        read -r -p "Install now with ${sudo:+$sudo }apt-get? [Y/n] " answer
        case $answer in
        ''|[Yy]*) ;;
        *)  echo "Nothing was installed. To do it yourself: ${sudo:+$sudo }apt-get install --no-install-recommends $(everything "$@")"
            return 1 ;;
        esac
    fi
    free=$(room /var/cache)
    if [ "$free" -lt 1000000 ]; then
        echo "Not enough room on the disk to install them: $((free / 1000)) MB are free, 1 GB is needed. Free some and try again."
        return 1
    fi
    mkdir -p "${log%/*}" && : >"$log"
    if [ -z "$lists" ]; then
        apt_run "Reading the lists of packages" update || { apt_failed "$log" update; return 1; }
    fi
    for package in $(packages_of deb $wanted); do # what can be done without comes along where this release has it
        if apt-cache show "$package" >/dev/null 2>&1; then set -- "$@" "$package"; fi
    done
    if ! apt_run "Installing" install -y --no-install-recommends "$@"; then
        # The lists may be older than the mirror: read them again and try once more.
        apt_run "Reading the lists of packages again" update || { apt_failed "$log" update; return 1; }
        apt_run "Installing" install -y --no-install-recommends "$@" || { apt_failed "$log" install "$@"; return 1; }
    fi
    echo "Installed: $*"
}

# apt_run WHAT ARGUMENTS...: apt-get with its chatter in $log and its progress in one line.
apt_run() {
    local what=$1 rc
    shift
    rm -f "$log.rc"
    { $sudo env DEBIAN_FRONTEND=noninteractive apt-get -q "$@" -o APT::Status-Fd=3 -o DPkg::Lock::Timeout=120 \
        -o Dpkg::Use-Pty=0 -o Acquire::Retries=2 3>&1 >>"$log" 2>&1 </dev/null
      echo $? >"$log.rc"; } | progress "$what"
    rc=$(cat "$log.rc" 2>/dev/null)
    rm -f "$log.rc"
    return "${rc:-1}"
}

# progress WHAT: apt's status lines ("dlstatus:3:41.2:...", "pmstatus:clang-14:60.1:...") as one moving line on a
# terminal, as a line every quarter elsewhere.
progress() {
    local what=$1 kind name percent text now last=-1
    [ -t 1 ] || echo "$what ..."
    while IFS=: read -r kind name percent text; do
        percent=${percent%%.*}
        case $kind:$percent in
        dlstatus:[0-9]*) now="$what: downloading $percent %" ;;
        pmstatus:[0-9]*) now="$what: $percent %  $name" ;;
        *) continue ;;
        esac
        if [ -t 1 ]; then printf '\r\033[K%s' "$now"
        elif [ "$kind$((percent / 25))" != "$last" ]; then echo "$now"; last=$kind$((percent / 25))
        fi
    done
    if [ -t 1 ]; then printf '\r\033[K'; fi
}

apt_failed() {
    local log=$1
    shift
    echo "apt-get $1 failed. Its last words:"
    grep -E '^(E|W|Err|dpkg)' "$log" | tail -n 4 | sed 's/^/    /'
    if grep -qE 'password is required|a terminal is required' "$log"; then
        echo "What to do: sudo asks for a password and nobody can type one here. Run in a terminal, or as root: apt-get install $(everything "${@:2}")"
    elif grep -qE 'resolve|connect|timed out|unreachable' "$log"; then
        echo "What to do: the mirror cannot be reached. Check the network (and http_proxy), then run make again."
    elif grep -qE 'No space left' "$log"; then
        echo "What to do: the disk is full. Free 1 GB, then run make again."
    elif grep -qE 'Could not get lock|is another process' "$log"; then
        echo "What to do: another package manager is running. Wait until it has finished, then run make again."
    elif grep -qE 'Unable to locate package|no installation candidate' "$log"; then
        echo "What to do: this release has no such package. See /etc/apt/sources.list (Debian 12 or Ubuntu 22.04 and newer have all)."
    else
        echo "What to do: run  apt-get $*  by hand and mend what it reports; the whole log is $log"
    fi
}
