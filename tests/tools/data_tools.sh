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
"$BIN/sg_train" "${tiny[@]}" --image-size 32x48 --data celeba:faces \
    --selected-attrs Black_Hair Blond_Hair Eyeglasses --out celeba-run >log.txt
"$BIN/sg_train" "${tiny[@]}" --data folders:classes --out folders-run >/dev/null
grep -q 'train/' <(sed -n '/held-out items/,$p' folders-run/data.txt) && fail "training items held out"
grep -q 'test/' folders-run/data.txt || fail "test/ was not held out"

# CelebA's partition: 0 trains, 1 is not used, 2 is held out.
for ((i = 1; i <= 40; ++i)); do
    printf '%06d.png %d\n' $i $((i <= 30 ? 0 : i <= 35 ? 1 : 2))
done >faces/list_eval_partition.txt
"$BIN/sg_train" "${tiny[@]}" --data celeba:faces --selected-attrs Eyeglasses Pale_Skin \
    --out partition-run >/dev/null
held_out=$(sed -n '/held-out items/,$p' partition-run/data.txt | grep -o '0000[0-9]*.png' | xargs)
[ "$held_out" = "000036.png 000037.png 000038.png 000039.png 000040.png" ] ||
    fail "not the test images of the partition: $held_out"
grep -q 'images of an unused part *5' partition-run/data.txt || fail "validation is not counted"
"$BIN/sg_data" validate faces | grep -q '000033.png: is for validation' || fail "33 is not named"
sed -i '7s/ 0/ 3/' faces/list_eval_partition.txt
expect_failure 1 "list_eval_partition.txt:7:" "expected 0 (train)" -- "$BIN/sg_data" validate faces
expect_failure 1 "landmarks" -- "$BIN/sg_data" validate celeba:faces,partition=false,align=true
rm faces/list_eval_partition.txt

# A table of the same images: attributes, then classes.
sed '1d; s/  */,/g; 2s/^,*/file,/' faces/list_attr_celeba.txt >attributes.csv
sed -i '2,$s/^/faces\/images\//' attributes.csv
"$BIN/sg_train" "${tiny[@]}" --data csv:attributes.csv,labels=Pale_Skin+Eyeglasses --out csv-run \
    >/dev/null
grep -A 2 '2 (multi_label)' csv-run/data.txt | tail -n 1 | grep -q 'Eyeglasses' || fail "no order"
echo file,expression,split >classes.csv
for part in train test; do
    find classes/$part -name '*.png' | sort | sed "s|.*/\(.*\)/.*|\"&\",\1,$part|" >>classes.csv
done
"$BIN/sg_train" "${tiny[@]}" --data csv:classes.csv --out csv-classes-run >/dev/null
diff <(sed -n '/held-out items/,$p' csv-classes-run/data.txt | grep -o 'test/.*' | sort) \
    <(sed -n '/held-out items/,$p' folders-run/data.txt | grep -o 'test/.*' | sort) ||
    fail "the table holds out other images than the folders"
sed 's/,sad,/,0,/' classes.csv >mixed.csv
expect_failure 1 "mixed.csv:2: column 2 (expression) is 'angry'" -- "$BIN/sg_data" validate mixed.csv

# RaFD's names say everything: ten persons, one of them held out.
mkdir rafd
for class in happy sad; do
    n=0
    find classes -path "*/$class/*.png" | sort | while read -r image; do
        cp "$image" rafd/Rafd0$((n % 2 ? 45 : 90))_$((n % 10))_Caucasian_male_${class}_frontal.png
        n=$((n + 1))
    done
done
cp faces/images/000001.png rafd/Rafd000_1_Caucasian_male_sad_left.png
cp faces/images/000001.png rafd/Rafd090_1_sad.png
"$BIN/sg_data" validate rafd >summary.txt
grep -q 'Rafd090_1_sad.png: is named otherwise' summary.txt || fail "rafd: $(cat summary.txt)"
grep -q 'sad_left.png: camera angle 0 is not' summary.txt || fail "rafd: $(cat summary.txt)"
"$BIN/sg_train" "${tiny[@]}" --data rafd:rafd --out rafd-run >/dev/null
persons() { grep -o 'Rafd[0-9]*_[0-9]*' | sed 's/.*_//' | sort -u | wc -l; }
[ "$(sed -n '/held-out items/,$p' rafd-run/data.txt | persons)" = 1 ] || fail "held-out persons"

# Corrupt and foreign files are counted and named, not fatal.
head -c 300 faces/images/000003.png >cut && mv cut faces/images/000003.png
echo hello >faces/images/notes.txt
rm faces/images/000004.png
cp faces/images/000005.png faces/images/extra.png
"$BIN/sg_data" validate faces >summary.txt
for reason in '000003.png: is truncated' 'notes.txt: is no image' 'extra.png: has no row' \
    '000004.png: is listed'; do
    grep -q "$reason" summary.txt || fail "'$reason' is not said: $(cat summary.txt)"
done
"$BIN/sg_train" "${tiny[@]}" --data celeba:faces --selected-attrs Eyeglasses Pale_Skin \
    --out corrupt-run >/dev/null

expect_failure 1 "Moustache" "Eyeglasses" -- "$BIN/sg_train" "${tiny[@]}" --data celeba:faces \
    --selected-attrs Moustache
mkdir -p one/train && cp -r classes/train/happy one/train/happy
expect_failure 1 "only one class found" -- "$BIN/sg_train" "${tiny[@]}" --data folders:one/train
mkdir one/train/sad
expect_failure 1 "class 'sad' has no image" -- "$BIN/sg_data" validate one

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
# One picture per photo: all targets beside the input, or the way to them step by step.
png_size() { od -An -tu1 -j16 -N8 "$1" | awk '{ print $3 * 256 + $4 "x" $7 * 256 + $8 }'; }
"$BIN/sg_translate" --checkpoint folders-run --input photos/images/000001.png --out pictures \
    --all >log.txt
[ "$(png_size pictures/000001__all.png)" = 288x32 ] || fail "--all: $(png_size pictures/*__all.png)"
[ "$(find pictures -name '*.png' | wc -l)" = 1 ] || fail "--all wrote single files, too"
"$BIN/sg_translate" --checkpoint folders-run --input photos/images --out strips --strip 3 \
    --set happy=0.5 --set sad >log.txt
[ "$(png_size strips/000002__strip.png)" = 224x32 ] || fail "--strip: $(png_size strips/*2__strip.png)"
grep -qF 'happy 0.5' log.txt || fail "a fraction of a label is not named: $(cat log.txt)"
"$BIN/sg_translate" --checkpoint celeba-run --input photos/images/000001.png --out part \
    --set Blond_Hair=0.25 --from Black_Hair=1 >log.txt
grep -qF '(Black_Hair 0.75 Blond_Hair 0.25' log.txt || fail "a part of a label: $(cat log.txt)"
expect_failure 2 "--strip" -- "$BIN/sg_translate" --checkpoint celeba-run --input photos/images \
    --out x --strip 0
expect_failure 1 "from -2 to 2" -- "$BIN/sg_translate" --checkpoint celeba-run \
    --input photos/images --out x --set Blond_Hair=lots

expect_failure 1 "Grey_Hair" "Blond_Hair" -- "$BIN/sg_translate" --checkpoint celeba-run \
    --input photos/images --out x --set Grey_Hair=1
expect_failure 1 "exclude each other" -- "$BIN/sg_translate" --checkpoint celeba-run \
    --input photos/images --out x --set Black_Hair=1,Blond_Hair=1
expect_failure 1 "not-there.png" -- "$BIN/sg_translate" --checkpoint celeba-run \
    --input not-there.png --out x
expect_failure 1 "header" -- "$BIN/sg_translate" --checkpoint photos/images/000001.png \
    --input photos/images --out x
echo ok
