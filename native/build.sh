#!/usr/bin/env bash
# Builds the C library into OUT/<os>-<arch>/ with CMake; called by Maven as `build.sh BUILD OUT`.
set -euo pipefail
build=$1 out=$2
source=$(cd "$(dirname "$0")" && pwd)/src/main/c

case $(uname -s) in
  Linux) os=linux ;;
  Darwin) os=macos ;;
  *) os=$(uname -s | tr '[:upper:]' '[:lower:]') ;;
esac
case $(uname -m) in
  x86_64 | amd64) arch=x86_64 ;;
  aarch64 | arm64) arch=aarch64 ;;
  *) arch=$(uname -m) ;;
esac

missing=
command -v cmake >/dev/null || missing=cmake
command -v "${CC:-cc}" >/dev/null || missing="$missing${missing:+ and }a C compiler (${CC:-cc})"
if [ -n "$missing" ]; then
  what="C kernels cannot be built: missing=$missing; install them (Debian: apt-get install cmake gcc)"
  if [ "${CI:-}" = true ]; then
    echo "error: $what" >&2
    exit 1
  fi
  echo "warning: $what; the Java kernels are used instead" >&2
  exit 0
fi

mkdir -p "$build"
cmake -S "$source" -B "$build" -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_LIBRARY_OUTPUT_DIRECTORY="$out/$os-$arch" >"$build/build.log" 2>&1 &&
  cmake --build "$build" --parallel >>"$build/build.log" 2>&1 || {
  echo "error: the C kernels do not build; the log: $build/build.log" >&2
  tail -n 40 "$build/build.log" >&2
  exit 1
}
