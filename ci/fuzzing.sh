# Fuzz targets: where they start, how they run, what is told of a run. To be sourced after lib.sh.
# shellcheck shell=bash

# Cases of a corpus that a look at its stability takes, spread over it: each is a process. Twice as
# many stay below the 256 inputs from which targets tell their counts, which is seen as well.
STABILITY_CASES=120

# Targets whose inputs are schedules.
SCHEDULE_TARGETS=" connman sockman http_server "

# seeds TARGET FOLDER: what a target starts from, made of texts that somebody wrote.
seeds() {
    local target=$1 folder=$2 text
    rm -rf "$folder"
    mkdir -p "$folder"
    case $target in
        connman | sockman | http_server) cargo sim export corpus --to "$folder" ;;
        rpc_json) grep -v '^#' corpus/rpc/calls.txt | split -l 1 - "$folder/call-" ;;
        schedule_text) cp corpus/*/*.case "$folder" ;;
        parsers)
            for text in corpus/*/*.case sim/worlds/*.toml bugs/*.toml; do
                cp "$text" "$folder/$(basename "$text")"
            done
            ;;
    esac
}

# fuzz_options TARGET: options of libFuzzer's that each run of a target has, one a line.
#
# Inputs grow as long as there is something new at their length, which a mutator of our own would
# switch off; and what is rare is not counted, because of the thousands of edges of a run that took
# four fifths of the time.
fuzz_options() {
    printf '%s\n' -entropic=0 -len_control=100
}

# fuzz_once BINARY LEARNT [-OPTION...]: fuzzes from the seeds of the target of that name and what is
# in LEARNT/<name>, where it keeps what it learns, until an option of libFuzzer's
# (-max_total_time=SECONDS, -runs=COUNT) ends it. What it finds stays in fuzz/artifacts.
#
# An input that takes too long fails by its steps; the time is for what does not end at all.
fuzz_once() {
    local target=$1 name artifacts seeds learnt options
    name=$(basename "$target")
    mapfile -t options < <(fuzz_options "$name")
    learnt=$2/$name
    shift 2
    artifacts=fuzz/artifacts/$name/
    seeds=$(target_dir)/fuzz/seeds/$name
    mkdir -p "$artifacts" "$learnt"
    seeds "$name" "$seeds"
    "$target" "$learnt" "$seeds" -timeout=300 -rss_limit_mb=4096 \
        -artifact_prefix="$artifacts" -print_final_stats=1 -verbosity=1 "${options[@]}" "$@"
}

# replay_of BINARY: how an artifact of it runs again.
replay_of() {
    local name
    name=$(basename "$1")
    case $SCHEDULE_TARGETS in
        *" $name "*) printf 'cargo sim replay fuzz/artifacts/%s/<file>' "$name" ;;
        *) printf '%s fuzz/artifacts/%s/<file>' "$1" "$name" ;;
    esac
}

# fuzz BINARY LEARNT [-OPTION...]: the same; whatever it finds ends the script.
fuzz() {
    fuzz_once "$@" || die "$(basename "$1") found something; replay: $(replay_of "$1")"
}

# fuzz_all SECONDS [--asan]: every fuzz target for so long.
fuzz_all() {
    local seconds=$1 binary binaries
    shift
    binaries=$(ci/fuzz-build.sh "$@")
    for binary in $binaries; do
        fuzz "$binary" fuzz/corpus -max_total_time="$seconds"
    done
}

# features BINARY FILE...: a line for each file with what libFuzzer sees of it: its hash. All of them
# run twice in one process and are seen the second time, when nothing is there for the first time.
features() {
    local binary=$1 control count
    shift
    count=$#
    control=$(mktemp)
    {
        printf '%d\n0\n' $((2 * count))
        printf '%s\n' "$@" "$@"
    } >"$control"
    "$binary" -merge_inner=2 -merge_control_file="$control" -timeout=300 >/dev/null 2>&1 || true
    awk -v count="$count" '$1 == "FT" && $2 >= count { $1 = ""; $2 = ""; print }' "$control"
    rm -f "$control"
}

# stability BINARY CORPUS: of how many cases in a hundred the same is seen, whether they run alone in
# a process or after all the others. Names those of which it is not. One that fails would end the
# process of all: it is named, and left out there.
stability() {
    local binary=$1 every same=0 file at=0 cases seen together=() alone=() passing=()
    mapfile -t cases < <(find "$2" -type f | LC_ALL=C sort)
    every=$((${#cases[@]} / STABILITY_CASES + 1))
    mapfile -t cases < <(printf '%s\n' "${cases[@]}" | awk -v every="$every" 'NR % every == 0')
    if [ ${#cases[@]} -eq 0 ]; then
        printf 'no cases'
        return
    fi
    for file in "${cases[@]}"; do
        seen=$(features "$binary" "$file")
        if [ -n "$seen" ]; then
            alone+=("$seen")
            passing+=("$file")
        else
            printf 'fails: %s\n' "$file" >&2
        fi
    done
    mapfile -t together < <(features "$binary" "${passing[@]}")
    for file in "${passing[@]}"; do
        if [ "${alone[at]}" = "${together[at]:-}" ]; then
            same=$((same + 1))
        else
            printf 'unstable: %s\n' "$file" >&2
        fi
        at=$((at + 1))
    done
    printf '%d' $((same * 100 / ${#cases[@]}))
}
