#!/usr/bin/env bash
# Opens pages (cargo sim show --html, failures --html, diff --html) in a Chromium without a screen: the
# script of each runs without an error, draws rows, and shows what came of it, with no file but the page.
#
#   ci/html.sh
# shellcheck source=ci/lib.sh
source "$(dirname "$0")/lib.sh"

need_command chromium chromium

# Every so manieth case of the corpus.
EVERY=25

# browse PAGE: what the browser has made of it, and on stderr what its console says. It is given a
# folder of its own, and no way to ask anybody for anything.
browse() {
    local profile
    profile=$(mktemp -d)
    timeout 120 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
        --disable-background-networking --disable-component-update --disable-sync \
        --host-resolver-rules='MAP * ~NOTFOUND' --user-data-dir="$profile" \
        --enable-logging=stderr --virtual-time-budget=2000 --dump-dom "file://$1"
    rm -rf "$profile"
}

# shows PAGE PATTERN...: a page is drawn without a word on the console, and each pattern is in it.
shows() {
    local page=$1 console dom said pattern
    shift
    console=$(mktemp)
    dom=$(browse "$page" 2>"$console")
    said=$(grep ':CONSOLE' "$console" || true)
    rm -f "$console"
    [ -z "$said" ] || die "$page: ${said:0:300}"
    for pattern in "$@"; do
        grep -q "$pattern" <<<"$dom" || die "$page: it does not show $pattern"
    done
}

# drawn CASE VERDICT: the page of a case is drawn, with this verdict.
drawn() {
    local folder
    folder=$(mktemp -d)
    cargo sim show "$1" --html "$folder/run.html" >/dev/null
    shows "$folder/run.html" 'class="row ' "id=\"verdict\"[^>]*>.*$2"
    rm -rf "$folder"
}

pages() {
    local case count=0 number=0
    for case in corpus/connman/*.case corpus/echo/*.case corpus/http/*.case; do
        number=$((number + 1))
        [ $((number % EVERY)) -eq 1 ] || continue
        drawn "$case" passed
        count=$((count + 1))
    done
    printf '%d pages\n' "$count"
}

failing_page() {
    local folder
    folder=$(mktemp -d)
    printf '%s\n' 'format 1' '' '0ms p1 dials' 'expect p1 receives pong, within 1s' >"$folder/a.case"
    drawn "$folder/a.case" 'expectation not met'
    rm -rf "$folder"
}

failures_page() {
    local folder
    folder=$(mktemp -d)
    cargo sim run --canary --seeds 0..60 --failures "$folder/failures" >/dev/null && die "the canary lives"
    cargo sim failures "$folder/failures" --html "$folder/failures.html" >/dev/null
    shows "$folder/failures.html" '<td class="oracle">byte streams</td>' 'cargo sim replay' \
        'node     canary sings' ' times, 20'
    rm -rf "$folder"
}

# A node beside itself without v2, which its version says.
diff_page() {
    local folder node status=0
    folder=$(mktemp -d)
    cargo build --quiet --release --package sockmand
    node="exec: $(target_dir)/release/sockmand -regtest -bind=127.0.0.1:{port} -datadir={datadir} -server=0 -printtoconsole=0"
    cargo sim diff --times 1 --no-null --left "$node" --right "$node -v2transport=0" \
        corpus/connman/unknown_message_is_ignored.case --html "$folder/diff.html" >/dev/null || status=$?
    [ "$status" -eq 1 ] || die "sim diff ended with $status"
    shows "$folder/diff.html" 'class="different' 'class="unlike"' 'p1, connection 1' 'services 0x'
    rm -rf "$folder"
}

part "pages of the corpus" pages
part "the page of a failure" failing_page
part "the page of a campaign that failed" failures_page
part "the page of two nodes" diff_page
