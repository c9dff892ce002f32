#!/usr/bin/env bash
# OpenCL on this machine's device: tests, attention, and the copy bandwidth to judge it by.
#
#   scripts/bench-gpu.sh [--quick]
#
# --quick takes short contexts and leaves the tests out. KVARENA_DEVICE names a device by a part of
# its name, where there are several. With python3 and a torch that sees a CUDA card, the same shapes
# are timed through torch's fused attention. Pages lie in host memory: on a card with memory of its
# own each fold copies them there, and its rate is that of the bus.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

quick=no
case ${1:-} in
  '') ;;
  --quick) quick=yes ;;
  *)
    echo "error: unknown argument: argument=$1; usage: scripts/bench-gpu.sh [--quick]" >&2
    exit 2
    ;;
esac

contexts=4096,16384,65536
seconds=1
if [ "$quick" = yes ]; then
  contexts=1024,4096
  seconds=0.3
fi
if [ -n "${KVARENA_DEVICE:-}" ]; then
  export KV_JAVA_OPTS="${KV_JAVA_OPTS:-} -Dkvarena.opencl.device=$KVARENA_DEVICE"
fi

echo "== device"
./kv doctor | grep -i opencl || {
  echo "error: no OpenCL device: ./kv doctor says what is missing" >&2
  exit 1
}

if [ "$quick" = no ]; then
  echo "== tests"
  CI=true ./kv test --module kv-opencl | tail -n 3
fi

echo "== copy"
copy=$(./kv bench copy)
printf '%s\n' "$copy"
gbps=$(printf '%s\n' "$copy" | awk '$1 == "copy" && $3 == "GB/s" { print $2; exit }')

echo "== attention, one sequence, 32 query heads, 8 KV heads, dim 128"
rows=$(./kv bench attention --kernels opencl --formats f16,q8_0,q4_0 --contexts "$contexts" \
  --seconds "$seconds" --png .kv/bench-gpu.png)
printf '%-8s %8s %10s %9s %14s\n' format context µs GB/s "of copy"
printf '%s\n' "$rows" | awk -v copy="$gbps" \
  '$1 == "opencl" && NF > 7 { printf "%-8s %8d %10.0f %9.2f %13.0f %%\n", $2, $3, $5, $6, 100 * $6 / copy }'

if command -v python3 >/dev/null && python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
  echo "== torch, the same shapes in f16, and 64 sequences of 8,192 tokens"
  python3 scripts/bench_sdpa.py --contexts "$contexts" --copy "$gbps"
else
  echo "no torch that sees a CUDA card: its column is left out"
fi
