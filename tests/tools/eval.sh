#!/usr/bin/env bash
# sg_eval measures a run, writes reports that other programs read, and refuses what cannot work.
. "$(dirname "$0")/common.sh"

"$BIN/sg_train" "${TINY[@]}" --num-iters 10 --data synth:expressions --out run >/dev/null
eval_run() { "$BIN/sg_eval" --checkpoint run --classifier-iterations 5 --device cpu "$@"; }
eval_run >table.txt 2>progress.txt || fail "$(cat progress.txt)"
grep -q '^training the classifier of synth-expressions' progress.txt || fail "no progress is shown"
for title in 'real held-out images' 'sees in translations' 'true pictures' reconstruction \
    'between targets'; do
    grep -q "^synth-expressions: .*$title" table.txt || fail "no table '$title': $(cat table.txt)"
done
grep -q '^surprised ' table.txt || fail "no target in the table"
grep -qxF 'written: run/eval.json' table.txt || fail "no word on where the report is"

# The page: well-formed, every target named, every picture a whole PNG of the right size.
cat >check.py <<'PYTHON'
import base64, html.parser, json, struct, sys, zlib

VOID = {"meta", "img", "br", "link", "input", "line"}
class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.images, self.headers, self.paths, self.text = [], [], set(), 0, []
    def handle_startendtag(self, tag, attributes):
        self.paths += tag == "path"
    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "img":
            assert attributes["alt"], "a picture without a description"
            self.images.append(attributes)
        if tag not in VOID: self.open.append(tag)
    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"
    def handle_data(self, data):
        if self.open and self.open[-1] == "th": self.headers.add(data)
        self.text.append(data)

def check_png(attributes):
    kind, data = attributes["src"].split(",", 1)
    assert kind == "data:image/png;base64", kind
    png = base64.b64decode(data, validate=True)
    assert png[:8] == b"\x89PNG\r\n\x1a\n", "no PNG"
    width, height = struct.unpack(">II", png[16:24])
    assert (width, height) == (int(attributes["width"]), int(attributes["height"]))
    at, pixels = 8, b""
    while at < len(png):
        length, name = struct.unpack(">I4s", png[at:at + 8])
        crc, = struct.unpack(">I", png[at + 8 + length:at + 12 + length])
        assert crc == zlib.crc32(png[at + 4:at + 8 + length]), "damaged PNG"
        if name == b"IDAT": pixels += png[at + 8:at + 8 + length]
        at += 12 + length
    assert len(zlib.decompress(pixels)) == height * (1 + 3 * width), "incomplete PNG"

folder, cases = sys.argv[1], sys.argv[2]
report = json.load(open(f"{folder}/eval.json"))
page = Page()
source = open(f"{folder}/eval.html", encoding="utf-8").read()
page.feed(source)
page.close()
assert source.startswith("<!DOCTYPE html>") and not page.open, page.open
assert report["format"] == "stargan-evaluation-1"
for group in report["groups"]:
    assert group["images"] > 0
    for target in group["targets"]:
        assert target["target"] in page.headers, f"{target['target']} is not in the page"
for finding in report["findings"]:
    assert finding in page.text, f"not in the page: {finding}"
assert len(page.images) > 10, len(page.images)
for image in page.images: check_png(image)
assert page.paths >= int(cases), f"{page.paths} lines and axes"
for forbidden in ("http:", "https:", "<script", "src=\"/"):
    assert forbidden not in source, f"{forbidden} in the page"
PYTHON
python3 check.py run 10 || fail "the page"

# The classifier is kept; the same evaluation gives the same bytes.
cp run/eval.json first.json
eval_run >/dev/null 2>progress.txt
! grep -q training progress.txt || fail "the classifier was trained twice"
cmp first.json run/eval.json || fail "not reproducible"

# A checkpoint file, other data, other outputs: class names as a file system takes them.
"$BIN/sg_data" synth --out classes --format folders --count 80 --image-size 32 >/dev/null
for name in angry:'a<b>&"c"' happy:"it's ünlich"; do
    for part in classes/*/"${name%%:*}"; do mv "$part" "${part%/*}/${name#*:}"; done
done
"$BIN/sg_train" "${TINY[@]}" --num-iters 10 --data folders:classes --out odd >/dev/null
mkdir out
"$BIN/sg_eval" --checkpoint "$(latest odd)" --count 9 --classifier-iterations 2 --quiet \
    --json out/eval.json --html out/eval.html >table.txt
python3 check.py out 10 || fail "the page of odd names"
[ -e odd/eval.json ] && fail "an output nobody asked for"
grep -qF 'a<b>&"c"' table.txt || fail "odd names: $(cat table.txt)"
if grep -q 'true pictures' table.txt; then fail "truth about files"; fi

# Several data sets have masks; pairs of classes have a generator each.
"$BIN/sg_train" "${TINY[@]}" --num-iters 4 --num-iters-decay 2 --data synth:attributes \
    --data synth:expressions,labels=happy+sad,name=moods --out joint >/dev/null
"$BIN/sg_eval" --checkpoint joint --classifier-iterations 2 --quiet >table.txt
grep -q 'mask' table.txt || fail "no word on masks: $(cat table.txt)"
"$BIN/sg_train" "${TINY[@]}" --num-iters 4 --num-iters-decay 2 --baseline pairwise \
    --data synth:expressions,labels=happy+sad --out pairs >/dev/null
"$BIN/sg_eval" --checkpoint pairs --classifier-iterations 2 --quiet >table.txt
grep -q '2 generators' table.txt || fail "pairs were not evaluated: $(cat table.txt)"
[ -s pairs/eval.json ] || fail "no report of the pairs"

# Pairs are judged on other data although their own are gone, and a pair that is not finished is named.
"$BIN/sg_data" synth --out moods --format folders --count 80 --image-size 32 >/dev/null
rm -r moods/*/{angry,contemptuous,disgusted,fearful,neutral,surprised}
"$BIN/sg_train" "${TINY[@]}" --num-iters 4 --num-iters-decay 2 --model-save-step 2 \
    --baseline pairwise --data folders:moods --out moody >/dev/null
mv moods others
rm moody/pairs/sad-to-happy/checkpoints/iteration-00000002.safetensors
"$BIN/sg_eval" --checkpoint moody --data folders:others --classifier-iterations 2 --quiet >table.txt
grep -qxF 'note: pair sad-to-happy is at iteration 1 of 2' table.txt ||
    fail "an unfinished pair is passed over: $(cat table.txt)"

before=$(find run odd -type f -newer table.txt)
expect_failure 1 "the data has the labels [multi_label: Black_Hair" "the checkpoint [one_hot: angry" \
    -- eval_run --data synth:attributes
expect_failure 1 "run/none" -- "$BIN/sg_eval" --checkpoint run/none
expect_failure 1 "nowhere/eval.html: cannot create" -- eval_run --html nowhere/eval.html
expect_failure 1 "classes/nothing" -- eval_run --data folders:classes/nothing
expect_failure 2 "--count" -- eval_run --count -1
expect_failure 2 "--checkpoint" -- "$BIN/sg_eval"
[ "$before" = "$(find run odd -type f -newer table.txt)" ] || fail "a refused evaluation changed the run"
echo ok
