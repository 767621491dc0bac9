#!/usr/bin/env bash
# sg_bench loader times reading, batches and uploads of files and packs, as a table and as JSON.
. "$(dirname "$0")/common.sh"

"$BIN/sg_data" synth --count 40 --image-size 24 --out faces >/dev/null
faces=celeba:faces/images,crop=0,labels=Blond_Hair+Pale_Skin
bench() {
    "$BIN/sg_bench" loader --image-size 16 --batch-size 4 --images 24 --batches 6 --rounds 2 "$@"
}
row() { # one of the table, with its three numbers
    grep -qE "^$1( +[0-9.e+-]+){3}\$" table.txt || fail "no row '$1': $(cat table.txt)"
}

bench --data "$faces" --json files.json >table.txt
row 'from files, images/s'
row 'next batch, ms'
row 'next batch, cached, ms'
row 'upload, ms'
if grep -q 'pack\|resident' table.txt; then fail "rows of a pack without one: $(cat table.txt)"; fi

bench --data "$faces" --packs packs --json packs.json >table.txt 2>log.txt
row 'from a pack, images/s'
row 'upload, resident, ms'
[ "$(find packs -name '*.sgpack' | wc -l)" = 1 ] || fail "no pack was made"
python3 - <<'PYTHON' || fail "the JSON: $(cat files.json packs.json)"
import json
for name, rows in (("files", {"from files", "next batch", "next batch, cached", "upload"}),
                   ("packs", {"from a pack", "next batch", "upload", "upload, resident"})):
    report = json.load(open(name + ".json"))
    assert (report["format"], report["command"]) == ("stargan-bench-1", "loader")
    config = report["config"]
    assert (config["batch"], config["batches"], config["rounds"]) == (4, 6, 2)
    cases = {case["name"]: case for case in report["cases"]}
    assert rows <= cases.keys(), cases.keys()
    for case in cases.values():
        assert case["images"] == 24 and case["data"] == "celeba"
        assert 0 < case["min"] <= case["median"] <= case["max"], case
    samples = {m["name"]: m["samples"] for m in report["measurements"]}
    assert len(samples["celeba: next batch"]) == 2
PYTHON
expect_failure 1 "do not fill a batch of 99" -- \
    "$BIN/sg_bench" loader --data "$faces" --image-size 16 --batch-size 99
expect_failure 1 "not-there" -- bench --data folders:not-there
echo ok
