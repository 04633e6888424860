#!/bin/bash
# Proves that the library can be embedded as it is installed: headers, pkg-config file, soname and
# symbols are right, and a program built against nothing else works, linked to either library.
#
# test_embed.sh BUILD_DIR SOURCE_DIR CC
set -u
build=$1
source=$2
cc=$3
folder=$(mktemp -d "$PWD/embed-XXXXXX")
trap 'rm -rf "$folder"' EXIT
passed=0
failed=0

# check NAME COMMAND...: one test, named.
check() {
    local name=$1
    shift
    if "$@" >"$folder/out" 2>&1; then
        echo "ok $name"
        passed=$((passed + 1))
    else
        echo "FAILED $name"
        sed 's/^/    /' "$folder/out"
        failed=$((failed + 1))
    fi
}

install_it() {
    DESTDIR=$folder/dest meson install -C "$build" --no-rebuild --quiet
}

find_installed() {
    prefix=$folder/dest$(meson introspect "$build" --buildoptions |
        python3 -c 'import json, sys
print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
    shared=$(find "$prefix" -name 'libholdfast.so')
    static=$(find "$prefix" -name 'libholdfast.a')
    export PKG_CONFIG_PATH
    PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name holdfast.pc)")
    export PKG_CONFIG_SYSROOT_DIR=$folder/dest
    [ -n "$shared" ] && [ -n "$static" ] && [ -n "$PKG_CONFIG_PATH" ]
}

headers_are_the_public_ones() {
    diff <(cd "$source/include" && find . -name '*.h' | sort) \
        <(cd "$prefix/include" && find . -name '*.h' | sort)
}

each_header_stands_alone() {
    local header
    for header in "$prefix"/include/holdfast/*.h; do
        echo "#include <holdfast/$(basename "$header")>" |
            "$cc" -std=c11 -Wall -Wextra -Wpedantic -Werror -I "$prefix/include" -fsyntax-only \
                -x c - || return 1
    done
}

soname_is_set() {
    readelf -d "$shared" | grep -q 'SONAME.*\[libholdfast\.so\.0\]'
}

only_hf_symbols_are_exported() {
    local symbols
    symbols=$(nm -D --defined-only "$shared" | awk '{ print $NF }')
    [ -n "$symbols" ] && ! grep -v '^hf_' <<<"$symbols"
}

# Every function that a public header declares is there, and no other.
exports_are_what_the_headers_declare() {
    diff <(cat "$prefix"/include/holdfast/*.h | tr '\n' ' ' | grep -oE 'HF_API[^;]*;' |
        grep -oE '\bhf_[a-z0-9_]+\(' | tr -d '(' | sort -u) \
        <(nm -D --defined-only "$shared" | awk '{ print $NF }' | sort -u)
}

make_archive() {
    python3 - "$source/tests/cli" "$folder/app.tar" <<'PYTHON'
import sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import support
open(sys.argv[2], "wb").write(support.docker_archive([support.Image()]))
PYTHON
}

# The flags are words, which is why they are not quoted: here and in build_static.
# shellcheck disable=SC2046,SC2086
build_shared() {
    "$cc" -std=c11 -Wall -Wextra -Werror $sanitize "$source/tests/embed/embed.c" \
        -o "$folder/shared" $(pkg-config --cflags --libs holdfast)
}

# Our library linked into the program, the system's ones shared: Debian has no static libarchive that
# would link without more packages.
# shellcheck disable=SC2046,SC2086
build_static() {
    "$cc" -std=c11 -Wall -Wextra -Werror $sanitize "$source/tests/embed/embed.c" \
        -o "$folder/static" $(pkg-config --cflags holdfast) "$static" -pthread \
        $(pkg-config --libs $(pkg-config --print-requires-private holdfast | awk '{ print $1 }'))
}

runs_shared() {
    LD_LIBRARY_PATH=$(dirname "$shared") "$folder/shared" "$folder/store-shared" "$folder/app.tar"
}

runs_static() {
    ! ldd "$folder/static" | grep -q holdfast &&
        "$folder/static" "$folder/store-static" "$folder/app.tar"
}

# A library built with sanitizers needs a program that is.
sanitize=$(meson introspect "$build" --buildoptions | python3 -c 'import json, sys
value = next(o["value"] for o in json.load(sys.stdin) if o["name"] == "b_sanitize")
print("" if value == "none" else "-fsanitize=" + value)')

check meson_install_works install_it
find_installed || { echo "FAILED nothing installed is found"; failed=$((failed + 1)); }
check headers_are_the_public_ones headers_are_the_public_ones
check each_header_stands_alone each_header_stands_alone
check soname_is_set soname_is_set
check only_hf_symbols_are_exported only_hf_symbols_are_exported
check exports_are_what_the_headers_declare exports_are_what_the_headers_declare
make_archive
check a_program_builds_against_the_shared_library build_shared
check a_program_runs_with_the_shared_library runs_shared
check a_program_builds_against_the_static_library build_static
check a_program_runs_with_the_static_library runs_static
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
