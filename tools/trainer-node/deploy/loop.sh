#!/bin/sh
# Trains every avatar of a manifest on this machine, one after the other: what a scheduler does, as a plain loop.
#
#   PGS_SOURCE=datasets PGS_DEST=heads sh loop.sh manifest.jsonl
#
# Stop it with Ctrl-C or SIGTERM and call it again: finished avatars are skipped, the one under way goes on.
# Exit codes: 0 all done, 1 some failed, 130 stopped.
set -u
manifest=${1:?usage: loop.sh MANIFEST}
here=$(cd "$(dirname "$0")" && pwd)
count=$(grep -c '[^[:space:]]' "$manifest")

child=
stopped=
stop() {
    stopped=1
    [ -z "$child" ] || kill -TERM "$child"
}
trap stop TERM INT

index=0
failed=0
while [ "$index" -lt "$count" ]; do
    node "$here/train-one.mjs" "$manifest" "$index" &
    child=$!
    wait "$child"
    code=$?
    # A signal ends `wait` at once, while the trainer is still saving.
    while kill -0 "$child" 2>/dev/null; do
        wait "$child"
        code=$?
    done
    child=
    [ -z "$stopped" ] || exit 130
    [ "$code" -eq 0 ] || failed=$((failed + 1))
    index=$((index + 1))
done
echo "loop: $((count - failed)) of $count done"
[ "$failed" -eq 0 ]
