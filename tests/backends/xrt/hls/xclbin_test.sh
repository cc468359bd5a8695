#!/usr/bin/env bash
# What build_xclbin asks of v++, with a v++ of our own that writes down its arguments; and that
# kernels.list says what kernels.h declares.
#
#   xclbin_test.sh TOP
set -euo pipefail
top=$1
hls=$top/backends/xrt/hls
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
cat >"$work/bin/v++" <<'SCRIPT'
#!/usr/bin/env bash
echo "$*" >>"$VPP_LOG"
out=
while [ $# -gt 0 ]; do
  [ "$1" = -o ] && out=$2
  shift
done
touch "$out"
SCRIPT
chmod +x "$work/bin/v++"
export VPP_LOG=$work/log

fail() {
  echo "xclbin_test: $1" >&2
  exit 1
}
# The last argument is what a failed call must say.
refuses() {
  local expected=${*: -1}
  local said
  if said=$(PATH=$work/bin:/usr/bin:/bin "$hls/build_xclbin" "${@:1:$#-1}" 2>&1); then
    fail "accepted: ${*:1:$#-1}"
  fi
  [[ $said == *"$expected"* ]] || fail "said '$said' instead of '$expected'"
}
build() { PATH=$work/bin:/usr/bin:/bin "$hls/build_xclbin" --platform shell --out "$work/out" "$@" >"$work/said"; }
made=$work/out/shell-hw-300

refuses "--platform is missing"
refuses --platform p --target sw "must be hw or hw_emu"
refuses --platform p --kernels "gemm_f64" "unknown kernel 'gemm_f64'"
refuses --platform p --kernels "" "--kernels is empty"
refuses --platform p --kernels "  " "--kernels is empty"
for clock in abc 0 -300 300MHz 1e3 ""; do refuses --platform p --clock "$clock" "must be a whole number of MHz"; done
refuses --platform p --jobs many "must be a whole number from 1 on"
refuses --platform p --memory "" "--memory is empty"
said=$("$hls/build_xclbin" --help) || fail "--help failed"
[[ $said == "Builds assay.xclbin "*"--kernels"*"docs/fpga.md." ]] || fail "--help says '$said'"
refuses --board p "unknown option '--board'"

# Every buffer argument of every kernel, in order.
declared=$(tr '\n' ' ' <"$hls/kernels.h" | grep -o 'void [a-z_0-9]*([^)]*)' |
  sed -E 's/void ([a-z_0-9]+)\(/\1 /; s/(const )?[A-Za-z_0-9]+(<[0-9]+>)?\* ([a-z_]+)/@\3/g; s/[A-Za-z_0-9]+_t [a-z_]+//g; s/(float|double) [a-z_]+//g; s/[@,)]/ /g' |
  tr -s ' ' | sed 's/ $//' | sort)
listed=$(sed 's/#.*//' "$hls/kernels.list" | awk 'NF {$2 = ""; print}' | tr -s ' ' | sort)
[ "$declared" = "$listed" ] || fail "kernels.list differs from kernels.h:
$(diff <(echo "$declared") <(echo "$listed"))"

# Ports of all units: the switch of an HBM card has 32. Arguments that share one share its width, and an
# argument without a port would get one of the tool's.
ports=0
while read -r kernel units arguments; do
  for argument in $arguments; do
    grep -q "^#pragma HLS interface m_axi port = $argument bundle = " "$hls/$kernel.cpp" ||
      fail "argument $argument of $kernel has no port"
  done
  bundles=$(grep -o '^#pragma HLS interface m_axi port = [a-z_]* bundle = [a-z0-9]*' "$hls/$kernel.cpp" |
    awk '{print $NF}' | sort -u | wc -l)
  ports=$((ports + units * bundles))
done < <(sed -e 's/#.*//' "$hls/kernels.list" | awk 'NF')
[ "$ports" -le 32 ] || fail "$ports ports (an HBM card has 32)"

build --memory 'DDR[0]'
for kernel in $(echo "$listed" | awk '{print $1}'); do
  grep -q -- "-c -t hw --platform shell .*-k $kernel .*/$kernel.cpp" "$VPP_LOG" || fail "$kernel was not compiled"
done
grep -q -- "-l -t hw --platform shell .*-o $made/assay.xclbin" "$VPP_LOG" || fail "nothing was linked"
[ -e "$made/assay.xclbin" ] || fail "there is no xclbin"
grep -qx 'nk=tree_histogram:2' "$made/connectivity.cfg" || fail "two units of tree_histogram"
grep -qx 'sp=tree_histogram_2.words:DDR\[0\]' "$made/connectivity.cfg" || fail "no place for words"
[ "$(grep -c '^nk=' "$made/connectivity.cfg")" = "$(echo "$listed" | wc -l)" ] || fail "units of all kernels"

# What is up to date is not compiled again, but is linked.
: >"$VPP_LOG"
build --memory 'DDR[0]'
grep -q -- '-c -t' "$VPP_LOG" && fail "compiled again without a change"
grep -q -- '-l -t' "$VPP_LOG" || fail "not linked again"
touch -d 2000-01-01 "$made/knn_topk.xo"
: >"$VPP_LOG"
build
[ "$(grep -c -- '-c -t' "$VPP_LOG")" = 1 ] || fail "compiled more than the object that is old"
grep -q -- '-k knn_topk' "$VPP_LOG" || fail "did not compile the object that is old"
# Objects are of one platform, target and clock.
count=$(echo "$listed" | wc -l)
for change in '--platform other' '--target hw_emu' '--clock 250'; do
  : >"$VPP_LOG"
  # shellcheck disable=SC2086
  build $change
  [ "$(grep -c -- '-c -t' "$VPP_LOG")" = "$count" ] || fail "took objects of before for $change"
done
for folder in other-hw-300 shell-hw_emu-300 shell-hw-250; do
  [ -e "$work/out/$folder/assay.xclbin" ] || fail "there is no xclbin in $folder"
done
echo "ok"
