#!/usr/bin/env bash
# Opens pages of runs (cargo sim show --html) in a Chromium without a screen: the script of each runs
# without an error, draws rows, and shows the verdict, with no file but the page itself.
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

# drawn CASE VERDICT: the page of a case is drawn, with this verdict.
drawn() {
    local folder page dom said
    folder=$(mktemp -d)
    page=$folder/run.html
    cargo sim show "$1" --html "$page" >/dev/null
    dom=$(browse "$page" 2>"$folder/console")
    said=$(grep ':CONSOLE' "$folder/console" || true)
    [ -z "$said" ] || die "$1: ${said:0:300}"
    grep -q 'class="row ' <<<"$dom" || die "$1: no rows are drawn"
    grep -q "id=\"verdict\"[^>]*>.*$2" <<<"$dom" || die "$1: the verdict is not shown"
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

part "pages of the corpus" pages
part "the page of a failure" failing_page
