#!/bin/sh
# Runs one fuzz target for some seconds: run.sh libfuzzer|plain PROGRAM NEW-FOLDER SEED-FOLDER...
# A new draw each time; the seed is in the output.
set -eu
kind=$1 program=$2 new=$3
shift 3
case $kind in
libfuzzer)
    mkdir -p "$new"
    exec "$program" -max_total_time=5 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$new/" "$new" "$@"
    ;;
plain)
    exec "$program" --seconds 3 "$@"
    ;;
esac
