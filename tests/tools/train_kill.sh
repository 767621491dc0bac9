#!/usr/bin/env bash
# kill -9 at any moment, also inside a save, leaves a checkpoint that loads; Ctrl-C saves and says
# how to go on; a full disk loses nothing that was there.
. "$(dirname "$0")/common.sh"

run=("${TINY[@]}" --num-iters 100000 --model-save-step 1)
"$BIN/sg_train" "${run[@]}" --out killed --stop-after 1 >/dev/null
before=0
for delay in 0.31 0.43 0.57 0.71 0.83 0.97 4; do  # the last for slow machines
    "$BIN/sg_train" --resume killed >/dev/null 2>&1 &
    pid=$!
    sleep $delay
    kill -9 $pid
    wait $pid 2>/dev/null || true
    iteration=$("$BIN/sg_info" killed | awk '$1 == "iteration" { print $2 }')
    [ "$iteration" -ge "$before" ] || fail "went back from iteration $before to $iteration"
    before=$iteration
done
[ "$before" -gt 1 ] || fail "no progress was saved in seven runs"

for signal in INT TERM; do
    "$BIN/sg_train" "${run[@]}" --model-save-step 1000000 --out "signal-$signal" >log.txt 2>&1 &
    pid=$!
    for _ in $(seq 200); do
        [ -s "signal-$signal/metrics.jsonl" ] && break
        sleep 0.1
    done
    kill -$signal $pid
    wait $pid || fail "exit code $? after SIG$signal: $(cat log.txt)"
    grep -qF "sg_train --resume signal-$signal" log.txt || fail "no word on how to resume"
    "$BIN/sg_info" "signal-$signal" >/dev/null
done

# A file size limit stands for a full disk: metrics fit, a checkpoint does not.
good=$(latest killed)
sum=$(sha256sum <"$good")
(
    trap '' XFSZ
    ulimit -f 64
    expect_failure 1 "cannot write" -- "$BIN/sg_train" --resume killed --stop-after 3
)
[ "$(sha256sum <"$good")" = "$sum" ] || fail "the last good checkpoint changed"
[ -z "$(find killed -name '*.tmp')" ] || fail "a temporary file was left behind"

# A damaged latest checkpoint is skipped, not trusted.
cp -r killed damaged
printf 'x' | dd of="$(latest damaged)" bs=1 seek=60000 conv=notrunc 2>/dev/null
"$BIN/sg_train" --resume damaged --stop-after 1 >log.txt
grep -qF "skipped a damaged checkpoint" log.txt || fail "a damaged checkpoint was used"
echo ok
