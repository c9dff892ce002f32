# ./kv test: sets up what the tests need and runs them. Sourced by kv, which has found the JDK.

test_help() {
  cat <<'TEXT'
usage: ./kv test [--install] [--module MODULE] [-- MAVEN-ARGUMENT …]

Runs every module's tests and the format check, and ends with `N passed, N failed, N skipped`.

  --install         installs, as root on Debian or Ubuntu, the packages the tests need: an OpenCL
                    device that runs on the CPU (PoCL), CMake and a C compiler
  --module MODULE   only this module (its folder) and those it is built on
  --                what follows goes to Maven, e.g. -- -Dtest=PagePoolTest -Dsurefire.failIfNoSpecifiedTests=false

Without an OpenCL device or a C compiler the tests that need one are skipped and named at the end.
With CI=true in the environment the packages are installed if they can be, and it is an error if
something is missing all the same.
TEXT
}

have_opencl() {
  [ "$(uname -s)" != Darwin ] || return 0 # the system brings it
  local vendors=${OCL_ICD_VENDORS:-/etc/OpenCL/vendors} found
  case $vendors in
    *.icd | *.so | *.so.*) ;;
    *) [ -n "$(find "$vendors" -name '*.icd' 2>/dev/null)" ] || return 1 ;;
  esac
  found=$(find /usr/lib /usr/lib64 /usr/local/lib /lib /opt/rocm/lib /usr/local/cuda/lib64 \
    -maxdepth 2 -name 'libOpenCL.so*' 2>/dev/null || true)
  [ -n "$found" ]
}

# Prints the Debian packages that are missing for the tests to run in full.
missing_packages() {
  have_opencl || echo pocl-opencl-icd ocl-icd-libopencl1
  command -v cmake >/dev/null || echo cmake make
  command -v "${CC:-cc}" >/dev/null || echo gcc libc6-dev
}

# Installs what is missing or says how; fails where missing it is an error.
set_up() {
  local install=$1 packages line
  packages=$(missing_packages | tr '\n' ' ')
  packages=${packages% }
  [ -n "$packages" ] || return 0
  line="apt-get update && apt-get install -y --no-install-recommends $packages"
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && { [ "${CI:-}" = true ] || [ "$install" = yes ]; }; then
    say "installing $packages (about a minute)"
    mkdir -p "$state"
    if ! (export DEBIAN_FRONTEND=noninteractive && eval "$line") >"$state/install.log" 2>&1; then
      tail -n 20 "$state/install.log" >&2
      die "the packages could not be installed: packages=$packages; the whole log is in $state/install.log"
    fi
    packages=$(missing_packages | tr '\n' ' ')
    [ -n "$packages" ] || return 0
    die "still missing after the installation: packages=$packages; look into $state/install.log"
  fi
  say "missing for the tests of the OpenCL or the C kernels: packages=$packages; as root run:"
  say "  $line"
  command -v apt-get >/dev/null || say "(these are Debian's names; elsewhere: PoCL, an OpenCL ICD loader, CMake, a C compiler)"
  if [ "${CI:-}" = true ]; then die "CI=true, so these tests may not be skipped"; fi
  if [ "$install" = yes ]; then die "--install needs root and apt-get"; fi
  say "the tests that need them are skipped"
}

install=no
module=
while [ $# -gt 0 ]; do
  case $1 in
    --install) install=yes ;;
    --module)
      module=${2:-}
      module=${module%/}
      [ -n "$module" ] && [ -f "$root/$module/pom.xml" ] || die "no such module: module=$module; modules are folders with a pom.xml"
      shift
      ;;
    --help | -h) test_help && exit ;;
    --) shift && break ;;
    *) die "unknown argument: argument=$1; ./kv test --help shows the known ones" ;;
  esac
  shift
done

find_maven
set_up "$install"
[ -z "$module" ] || set -- -pl "$module" -am "$@"
lock
maven_jvm
status=0
terminal=false
[ ! -t 1 ] || terminal=true
# In the background, so that the lock is given back and Maven ended when this script is told to end.
"$JAVA_HOME/bin/java" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dstdout.encoding=UTF-8 \
  -Dkv.terminal=$terminal "$root/scripts/TestRun.java" "$root" "$maven" "$@" </dev/null &
child=$!
wait $child || status=$?
child=
unlock
exit $status
