#!/usr/bin/env bash
# Training is the same from files, from the packs it builds by itself and from a pack made before;
# packs are checked, and nothing half-made is left or taken for one.
. "$(dirname "$0")/common.sh"

"$BIN/sg_data" synth --format folders --count 60 --image-size 40x48 --out classes >/dev/null
tiny=("${TINY[@]}" --num-iters 10 --stop-after 3)
packs="$XDG_CACHE_HOME/stargan/packs"

"$BIN/sg_train" "${tiny[@]}" --data folders:classes --packs off --out files >/dev/null
[ ! -e "$packs" ] || fail "packs although they are off"
"$BIN/sg_train" "${tiny[@]}" --data folders:classes --out building >log.txt
grep -q 'packing 60 images' log.txt && grep -q 'packed 60 of 60' log.txt || fail "$(cat log.txt)"
[ "$(find "$packs" -name '*.sgpack' | wc -l)" = 1 ] || fail "not one pack: $(ls "$packs")"
"$BIN/sg_train" "${tiny[@]}" --data folders:classes --out reusing >log.txt
if grep -q 'packing' log.txt; then fail "packed twice"; fi
"$BIN/sg_train" "${tiny[@]}" --data folders:classes --packs here --out elsewhere >/dev/null
[ "$(find here -name '*.sgpack' | wc -l)" = 1 ] || fail "no pack in the folder asked for"

"$BIN/sg_data" pack folders:classes --image-size 32 --threads 2 --out all.sgpack >log.txt
grep -q "all.sgpack: 60 images, $(stat -c %s all.sgpack) bytes, [0-9]* images/s" log.txt ||
    fail "$(cat log.txt)"
"$BIN/sg_data" verify all.sgpack >log.txt
grep -q 'surprised' log.txt && grep -q "packed from .*folders:$WORK/classes" log.txt ||
    fail "$(cat log.txt)"
"$BIN/sg_train" "${tiny[@]}" --data pack:all.sgpack --out packed >/dev/null
for run in building reusing elsewhere packed; do
    cmp "files/metrics.jsonl" "$run/metrics.jsonl"
    # The pack is another data set by its name; apart from that not a byte may differ.
    [ $run = packed ] || cmp "$(latest files)" "$(latest $run)" || fail "$run trains otherwise"
    diff <(sed -n '/held-out items/,$p' files/data.txt) \
        <(sed -n '/held-out items/,$p' $run/data.txt) || fail "$run holds out other items"
done
expect_failure 1 "32x32" "64x64" -- "$BIN/sg_train" "${tiny[@]}" --data pack:all.sgpack \
    --image-size 64 --out x
expect_failure 1 "exists already" -- "$BIN/sg_data" pack folders:classes --image-size 32 \
    --out all.sgpack

"$BIN/sg_data" validate all.sgpack | grep -q 'this data can be trained on' || fail "a good pack"

# One image damaged: verify and validate say no, training goes on without it.
cp all.sgpack bad.sgpack
printf '\377\000\377' | dd of=bad.sgpack bs=1 seek=5000 conv=notrunc status=none
for check in verify validate; do
    expect_failure 1 "1 of 60 images are damaged" "damaged: image 0 (train/" -- \
        "$BIN/sg_data" $check bad.sgpack
done
"$BIN/sg_train" "${tiny[@]}" --data pack:bad.sgpack --batch-size 16 --out around >log.txt
grep -q 'skipped an image that does not decode: train/' log.txt || fail "$(cat log.txt)"
head -c 100000 all.sgpack >cut.sgpack
expect_failure 1 "100000 bytes, expected $(stat -c %s all.sgpack)" -- \
    "$BIN/sg_data" verify cut.sgpack
expect_failure 1 "truncated" -- "$BIN/sg_train" "${tiny[@]}" --data pack:cut.sgpack --out x

# No place for packs: one warning, and training works.
touch occupied
"$BIN/sg_train" "${tiny[@]}" --data folders:classes --packs occupied --out unpacked >log.txt
[ "$(grep -c '^warning' log.txt)" = 1 ] && grep -q 'cannot be packed.*occupied' log.txt ||
    fail "$(cat log.txt)"
cmp files/metrics.jsonl unpacked/metrics.jsonl

# Interrupted in the middle of building: nothing is left. Killed: the next build clears it away.
mkdir made
make=("$BIN/sg_data" pack synth:attributes --synth-count 100000 --image-size 64 --out made/s.sgpack)
for signal in INT KILL; do
    (trap - INT && exec "${make[@]}") >/dev/null 2>&1 &
    until compgen -G 'made/*.part-*' >/dev/null; do sleep 0.05; done
    sleep 0.2
    kill -$signal $!
    if wait $!; then fail "$signal did not stop it"; fi
    [ ! -e made/s.sgpack ] || fail "$signal left a pack"
    if [ $signal = INT ] && [ -n "$(ls made)" ]; then fail "$signal left $(ls made)"; fi
done
compgen -G 'made/*.part-*' >/dev/null || fail "killed too late to test anything"
"$BIN/sg_data" pack synth --synth-count 20 --image-size 16 --out made/t.sgpack >/dev/null
[ "$(ls made)" = t.sgpack ] || fail "left over: $(ls made)"
echo ok
