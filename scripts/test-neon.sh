#!/usr/bin/env bash
# The C kernels for AArch64's NEON, cross-compiled and run under an emulator, under the sanitizers and
# as they are in the library: folds against a double-precision oracle, and pages written against the
# baseline's. Where the machine can build for itself too, both must write the same bytes. It shows that
# NEON is right and nothing about its speed; `./kv test` does without it.
#   scripts/test-neon.sh [cases for each pair of formats = 4] [cases for each format and kind = 200]
set -euo pipefail

fold_cases=${1:-4} rows_cases=${2:-200}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source=$root/native/src/main/c
build=$root/native/target/neon
emulator=$(command -v qemu-aarch64 || command -v qemu-aarch64-static || true)

missing=
[ -n "$emulator" ] || missing="$missing qemu-user"
command -v aarch64-linux-gnu-gcc >/dev/null || missing="$missing gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
command -v cmake >/dev/null || missing="$missing cmake make"
if [ -n "$missing" ]; then
  echo "error: NEON cannot be tested here: missing=${missing# }; install them (Debian: apt-get install$missing)" >&2
  exit 1
fi

# compile FOLDER TEST [CMake option …]
compile() {
  local folder=$build/$1 test=$2 log=$build/$1-$2.log
  shift 2
  mkdir -p "$folder"
  { cmake -S "$source" -B "$folder" "$@" && cmake --build "$folder" --target "$test"; } >"$log" 2>&1 || {
    echo "error: $test does not build; the log: $log" >&2
    tail -n 40 "$log" >&2
    exit 1
  }
}

# emulate SANITIZED TEST CASES: builds and runs a test. Leaks are not looked for: that takes a system
# call which the emulator does not know.
emulate() {
  compile "sanitized-$1" "$2" -DKV_SANITIZE="$1" -DCMAKE_SYSTEM_NAME=Linux \
    -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc
  ASAN_OPTIONS=detect_leaks=0 "$emulator" -L /usr/aarch64-linux-gnu "$build/sanitized-$1/$2" "$3"
}

host=
if command -v "${CC:-cc}" >/dev/null; then
  compile host kv_rows_test
  host=$("$build/host/kv_rows_test" "$rows_cases")
else
  echo "not compared with this machine: it has no C compiler of its own (${CC:-cc})" >&2
fi
for sanitized in ON OFF; do
  echo "sanitizers $sanitized"
  rows=$(emulate $sanitized kv_rows_test "$rows_cases")
  echo "$rows"
  if [ -n "$host" ] && [ "${rows##* }" != "${host##* }" ]; then
    echo "error: NEON and $(uname -m) write different bytes: checksum=${rows##* }, $(uname -m)=${host##* }; mend kv_simd_neon.h" >&2
    exit 1
  fi
  [ -z "$host" ] || echo "$(uname -m) prints that checksum too"
  emulate $sanitized kv_fold_test "$fold_cases"
done
