#!/usr/bin/env bash
# Builds the fuzz targets as ClusterFuzzLite and OSS-Fuzz ask for them: into $OUT one binary a target,
# beside it a seed corpus and libFuzzer's options.
#
#   OUT=FOLDER [SANITIZER=address|none] .clusterfuzzlite/build.sh
set -euo pipefail
cd "$(dirname "$0")/.."
: "${OUT:?the folder that the targets go to}"
mkdir -p "$OUT"

# shellcheck source=ci/fuzzing.sh
source ci/fuzzing.sh
target_dir() { printf '%s\n' "${CARGO_TARGET_DIR:-target}"; }

options=(--asan)
[ "${SANITIZER:-address}" != none ] || options=()
for binary in $(ci/fuzz-build.sh "${options[@]}"); do
    name=$(basename "$binary")
    cp "$binary" "$OUT/$name"
    folder=$(mktemp -d)
    seeds "$name" "$folder"
    # An archive without files is none.
    [ -z "$(ls "$folder")" ] || (cd "$folder" && zip -q -r "$OUT/${name}_seed_corpus.zip" .)
    rm -rf "$folder"
    printf '[libfuzzer]\n' >"$OUT/$name.options"
    fuzz_options "$name" | sed 's/^-\(.*\)=\(.*\)$/\1 = \2/' >>"$OUT/$name.options"
done
