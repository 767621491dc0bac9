#!/usr/bin/env bash
# Times this engine's training step against PyTorch's, alternating on one machine so that both meet
# the same noise. A peer computes what parity files say before it is timed, in every run. Prints
# medians over rounds, the fastest iterations and the ratios of peer to engine, and writes
# benchmarks/results/peers_DATE_ISA.json.
#   scripts/compare_peers.sh [options] [-- flags for both, e.g. --image-size 128]
#     --rounds N       rounds; in each, everybody runs once              default 5
#     --warmup N       untimed steps of a run; of a peer, n_critic D     default 2
#                      steps with one G step each
#     --repeats N      timed ones                                        default 6
#     --threads N      for everybody                                     default nproc
#     --peer COMMAND   a Python that has torch; may be given again       default $PYTHON, else
#                      /usr/bin/python3 if it has torch, else python3
#     --modes LIST     of torch_stargan.py    default eager-f32,ours-f32,amp-bf16,amp-channels-last,
#                      ours; beside this engine in the same precision: *-f32 in f32,
#                      eager-tf32 in tf32, others in bf16
#     --bench FILE     sg_bench                            default build/release/bin/sg_bench
#     --out FILE       where the JSON goes
# Example: scripts/compare_peers.sh --peer /usr/bin/python3 --peer 'env OMP_PROC_BIND=1 python3'
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

die() {
    echo "compare_peers: $1" >&2
    exit "${2:-1}"
}

usage() {
    sed -n '2,/^set /{/^set /d;s/^# \?//p}' scripts/compare_peers.sh
}

rounds=5 warmup=2 repeats=6 threads=$(nproc)
modes=eager-f32,ours-f32,amp-bf16,amp-channels-last,ours
bench=build/release/bin/sg_bench out=""
peers=() both=()
while (($# > 0)); do
    case "$1" in
        -h | --help)
            usage
            exit 0
            ;;
        --)
            shift
            both=("$@")
            break
            ;;
        --rounds | --warmup | --repeats | --threads | --peer | --modes | --bench | --out) ;;
        *) die "unknown argument '$1'; see --help" 2 ;;
    esac
    (($# > 1)) || die "$1 needs a value" 2
    case "$1" in
        --rounds) rounds=$2 ;;
        --warmup) warmup=$2 ;;
        --repeats) repeats=$2 ;;
        --threads) threads=$2 ;;
        --peer) peers+=("$2") ;;
        --modes) modes=$2 ;;
        --bench) bench=$2 ;;
        --out) out=$2 ;;
    esac
    shift 2
done
[[ $rounds =~ ^[1-9][0-9]*$ ]] || die "--rounds is '$rounds', expected 1 or more" 2
[[ -x $bench ]] || die "$bench was not found; build it: scripts/test.sh, or name it with --bench"

has_torch() {
    "$@" -c 'import torch' 2>/dev/null
}
if ((${#peers[@]} == 0)); then
    if [[ -n ${PYTHON:-} ]]; then
        peers=("$PYTHON")
    elif has_torch /usr/bin/python3; then
        peers=(/usr/bin/python3)
    else
        peers=(python3)
    fi
fi
for peer in "${peers[@]}"; do
    read -r -a command <<<"$peer"
    has_torch "${command[@]}" || die "'$peer' cannot import torch; choose another with --peer"
done

# The contestants, as command lines: this engine once per precision, each peer once per mode.
common=(--threads "$threads" --warmup "$warmup" --repeats "$repeats" "${both[@]}")
IFS=, read -r -a modes <<<"$modes"
labels=() commands=()
precision_of() {
    case $1 in
        *-tf32) echo tf32 ;;
        *-f32) echo f32 ;;
        *) echo bf16 ;;
    esac
}
for precision in $(for mode in "${modes[@]}"; do precision_of "$mode"; done | awk '!seen[$1]++'); do
    labels+=("sg $precision")
    commands+=("$bench step --precision $precision")
done
for peer in "${peers[@]}"; do
    for mode in "${modes[@]}"; do
        labels+=("$peer: $mode")
        commands+=("$peer benchmarks/peers/torch_stargan.py --rounds 1 --mode $mode")
    done
done

export OMP_PROC_BIND=true # threads of all contestants stay on their processor
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
load=$(cut -d ' ' -f 1 /proc/loadavg)
for ((round = 1; round <= rounds; ++round)); do
    for i in "${!commands[@]}"; do
        read -r -a command <<<"${commands[i]}"
        printf '\rround %d of %d: %-60s' "$round" "$rounds" "${labels[i]}" >&2
        "${command[@]}" "${common[@]}" --json "$work/$i.$round.json" >"$work/log" 2>&1 || {
            cat "$work/log" >&2
            die "failed: ${commands[i]} ${common[*]}"
        }
    done
done
printf '\r%80s\r' "" >&2

read -r -a python <<<"${peers[0]}"
"${python[@]}" - "$work" "$rounds" "$load" "$out" "${labels[@]}" <<'PYTHON'
import datetime, json, pathlib, re, statistics, sys

work, rounds, load, out = sys.argv[1:5]
times = ("d_step_ms", "g_step_ms", "iteration_ms", "peak_rss_mb")


def run_of(path):
    """Ours, a case and its environment, or the peer's only mode: the same names."""
    report = json.load(open(path))
    if "cases" in report:
        run = {**report["environment"], **report["cases"][0], "mode": None}
        critics = run["config"]["n_critic"]
        run["fastest_ms"] = (critics * run["d_step_min_ms"] + run["g_step_min_ms"]) / critics
        return run
    return {**report, **report["modes"][0], **report["modes"][0]["rounds"][0]}


entries = []
for i, label in enumerate(sys.argv[5:]):
    runs = [run_of(f"{work}/{i}.{r}.json") for r in range(1, int(rounds) + 1)]
    first = runs[0]
    entries.append({
        "command": label,
        "name": f"torch {first['torch']}" if "torch" in first else "sg",
        "mode": first["mode"],
        "precision": first["precision"],
        "median": {key: statistics.median(run[key] for run in runs) for key in times
                   if first.get(key) is not None},
        "best": {"iteration_ms": min(run["fastest_ms"] for run in runs)},
        "rounds": [{key: run.get(key) for key in times} for run in runs]})
    if i == 0:
        host = first
# Ours in the same precision is 1; more means that the peer takes as many times longer. "best" is the
# fastest iteration of all rounds, ours made of the fastest D and G step: what is left when others
# use the machine too.
ours = {e["precision"]: e for e in entries if e["name"] == "sg"}
for e in entries:
    base = ours[e["precision"]]
    e["ratio"] = {key: value / base["median"][key] for key, value in e["median"].items()}
    e["best_ratio"] = e["best"]["iteration_ms"] / base["best"]["iteration_ms"]
    pairs = [a["iteration_ms"] / b["iteration_ms"] for a, b in zip(e["rounds"], base["rounds"])]
    e["iteration_ratio_range"] = [min(pairs), max(pairs)]

print(f"{host['device_name']}, {host['isa']}, {host['threads']} threads; "
      f"medians of {rounds} rounds, load {load} at the start")
print(f"{'':<36} {'D ms':>8} {'G ms':>8} {'iter ms':>8} {'RSS MB':>6}  {'ratio':>5} "
      f"{'(by round)':<14}  {'best ms':>8} {'ratio':>5}")
for e in entries:
    m, (low, high) = e["median"], e["iteration_ratio_range"]
    name = f"{e['name']} {e['mode'] or e['precision']}"
    steps = " ".join(f"{m[key]:8.1f}" if key in m else f"{'-':>8}" for key in times[:3])
    ratios = f"{e['ratio']['iteration_ms']:5.2f} {f'({low:.2f}-{high:.2f})':<14}"
    print(f"{name:<36} {steps} {m['peak_rss_mb']:6.0f}  {ratios}  {e['best']['iteration_ms']:8.1f} "
          f"{e['best_ratio']:5.2f}")

today = datetime.date.today().isoformat()
isa = re.sub(r"[^a-z0-9]+", "-", host["isa"].lower()).strip("-")
path = pathlib.Path(out or f"benchmarks/results/peers_{today}_{isa}.json")
path.parent.mkdir(parents=True, exist_ok=True)
commit = host["commit"] + ("-dirty" if host["modified"] else "")  # that sg_bench was built from
report = {"date": today, "commit": commit, "rounds": int(rounds), "load_at_start": float(load),
          **{key: host[key] for key in
             ("device_name", "isa", "threads", "warmup", "repeats", "config")},
          "entries": entries}
path.write_text(json.dumps(report, indent=2) + "\n")
print(f"written: {path}")
PYTHON
