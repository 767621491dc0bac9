#!/usr/bin/env bash
# 20 iterations straight, and 10 + resume + 10, give the same bytes; so do other thread counts.
. "$(dirname "$0")/common.sh"

for precision in f32 bf16; do
    run=("${TINY[@]}" --precision $precision --num-iters 20 --model-save-step 10 --n-critic 3)
    "$BIN/sg_train" "${run[@]}" --out straight-$precision --threads 2 >/dev/null
    "$BIN/sg_train" "${run[@]}" --out parts-$precision --threads 2 --stop-after 10 >stopped.txt
    grep -qF 'go on with: sg_train --resume' stopped.txt || fail "no word on how to resume"
    "$BIN/sg_train" --resume parts-$precision >/dev/null
    "$BIN/sg_train" "${run[@]}" --out one-thread-$precision --threads 1 --num-workers 1 >/dev/null
    for other in parts one-thread; do
        for file in checkpoints/iteration-00000010.safetensors \
            checkpoints/iteration-00000020.safetensors metrics.jsonl; do
            cmp "straight-$precision/$file" "$other-$precision/$file" ||
                fail "$other differs from straight in $file ($precision)"
        done
    done
done

# A run that was killed after its last checkpoint logged iterations that are done again: once.
cp -r parts-f32 killed
rm killed/checkpoints/iteration-00000020.safetensors
echo '{"iteration":21,"cut off' >>killed/metrics.jsonl
"$BIN/sg_train" --resume killed >/dev/null
cmp straight-f32/metrics.jsonl killed/metrics.jsonl || fail "metrics differ after a killed run"
cmp straight-f32/checkpoints/iteration-00000020.safetensors \
    killed/checkpoints/iteration-00000020.safetensors || fail "checkpoint differs after a killed run"
echo ok
