# common.sh - what tools/demo and tools/check share. Sourced, not run.
# shellcheck shell=bash disable=SC2034

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# What the build needs. (python3 and check are for the tests, which are set up with it.)
build_packages=(
    check gcc libc6-dev meson ninja-build pkg-config python3
    libarchive-dev libbz2-dev libjansson-dev liblzma-dev libssl-dev libxxhash-dev libzstd-dev
    zlib1g-dev
)

if [ -t 1 ]; then
    bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'
else
    bold='' dim='' plain=''
fi

die() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# install_packages PACKAGE...: from Debian, what is not there yet. Says nothing when all are.
install_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' ||
            missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
        die "to install ${missing[*]} it must be run as root"
    echo "installing ${missing[*]}"
    local log
    log=$(mktemp)
    if ! { as_root apt-get update -qq &&
        as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends \
            "${missing[@]}"; } >"$log" 2>&1; then
        cat "$log"
        die "apt-get could not install ${missing[*]}"
    fi
    rm -f "$log"
}

# Make sure the build folder $1 is set up with the meson options that follow.
set_up_build() {
    local build=$1
    shift
    if [ -e "$build/build.ninja" ]; then
        meson configure "$build" "$@" >/dev/null
    else
        meson setup "$build" "$here" "$@"
    fi
}
