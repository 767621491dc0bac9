#!/usr/bin/env bash
# sg_data writes data sets that sg_train reads, in both formats; non-square images end to end.
. "$(dirname "$0")/common.sh"

"$BIN/sg_data" synth --format celeba --count 40 --image-size 48x40 --out faces >/dev/null
"$BIN/sg_data" synth --format folders --count 80 --image-size 32 --out classes >/dev/null
"$BIN/sg_data" validate faces >summary.txt
grep -q '40' summary.txt && grep -q 'Eyeglasses' summary.txt || fail "summary: $(cat summary.txt)"
"$BIN/sg_data" validate classes | grep -q 'surprised' || fail "folders summary"
expect_failure 1 "not empty" -- "$BIN/sg_data" synth --out faces
expect_failure 1 "expressions" -- "$BIN/sg_data" synth --format folders --group attributes --out x

tiny=("${TINY[@]}" --num-iters 10 --crop-size 0 --stop-after 2)
"$BIN/sg_train" "${tiny[@]}" --image-size 32x48 --dataset celeba --data faces \
    --selected-attrs Black_Hair Blond_Hair Eyeglasses --out celeba-run >log.txt
"$BIN/sg_train" "${tiny[@]}" --dataset folders --data classes --out folders-run >/dev/null
grep -q 'train/' <(sed -n '/held-out items/,$p' folders-run/data.txt) && fail "training items held out"
grep -q 'test/' folders-run/data.txt || fail "test/ was not held out"

# Corrupt and foreign files are counted and named, not fatal.
head -c 300 faces/images/000003.png >cut && mv cut faces/images/000003.png
echo hello >faces/images/notes.txt
rm faces/images/000004.png
cp faces/images/000005.png faces/images/extra.png
"$BIN/sg_data" validate faces >summary.txt
grep -q '000003.png' summary.txt || fail "the corrupt file is not named: $(cat summary.txt)"
"$BIN/sg_train" "${tiny[@]}" --dataset celeba --data faces --selected-attrs Eyeglasses Pale_Skin \
    --out corrupt-run >/dev/null

expect_failure 1 "Moustache" "Eyeglasses" -- "$BIN/sg_train" "${tiny[@]}" --dataset celeba \
    --data faces --selected-attrs Moustache
mkdir -p one/train && cp -r classes/train/happy one/train/happy
expect_failure 1 "only one class found" -- "$BIN/sg_train" "${tiny[@]}" --dataset folders --data one/train

# Translation: any size in, one file per image and target out.
"$BIN/sg_data" synth --count 2 --image-size 100x70 --out photos >/dev/null
"$BIN/sg_translate" --checkpoint celeba-run --input photos/images --out translated \
    --set Blond_Hair=1,Eyeglasses=0 --set Black_Hair=1 --from Blond_Hair=1 >log.txt
[ "$(find translated -name '*.png' | wc -l)" = 4 ] || fail "expected 4 files: $(ls translated)"
grep -q '(Blond_Hair' log.txt || fail "--from was ignored: $(cat log.txt)"
targets=$(grep 'Black_Hair=1.png' log.txt | sed 's/.*-> //')
[ "$(grep -c '(.*Black_Hair' <<<"$targets")" = 2 ] || fail "black hair was not asked for: $targets"
if grep -q 'Blond_Hair' <<<"$targets"; then fail "two hair colours at once: $targets"; fi
"$BIN/sg_translate" --checkpoint folders-run --input photos/images/000001.png --out classes-out \
    >/dev/null
[ "$(find classes-out -name '*.png' | wc -l)" = 8 ] || fail "expected one file per class"
"$BIN/sg_translate" --checkpoint folders-run --input photos/images/000001.png --out happy-out \
    --set happy >/dev/null
expect_failure 1 "Grey_Hair" "Blond_Hair" -- "$BIN/sg_translate" --checkpoint celeba-run \
    --input photos/images --out x --set Grey_Hair=1
expect_failure 1 "exclude each other" -- "$BIN/sg_translate" --checkpoint celeba-run \
    --input photos/images --out x --set Black_Hair=1,Blond_Hair=1
expect_failure 1 "not-there.png" -- "$BIN/sg_translate" --checkpoint celeba-run \
    --input not-there.png --out x
expect_failure 1 "header" -- "$BIN/sg_translate" --checkpoint photos/images/000001.png \
    --input photos/images --out x
echo ok
