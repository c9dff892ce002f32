#!/usr/bin/env bash
# Links the README's Java lines, verbatim, from a project outside the reactor, against what
# `mvn install` has put into the local repository: on the class path and on the module path, the
# core alone, without flags. Fails if anything is written to stderr.
#   scripts/link.sh JAVA_HOME MVN [maven options]
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export JAVA_HOME=$1
mvn=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The blocks of Java in the README as one program, their imports apart from their statements.
awk '/^```java$/ { on = 1; next } /^```$/ { on = 0 } on' "$root/README.md" >"$work/block"
imports=$(grep '^import' "$work/block")
statements=$(grep -v '^import' "$work/block")
[ -n "$statements" ] || { echo "link: no Java in the README" >&2 && exit 1; }

version=$(sed -n 's:.*<version>\(.*\)</version>.*:\1:p' "$root/pom.xml" | head -n 1)
project() { # folder, with or without a module descriptor
  mkdir -p "$1/src/main/java/demo"
  printf 'package demo;\n%s\npublic class Main {\n  public static void main(String[] args) {\n%s\n  }\n}\n' \
    "$imports" "$statements" >"$1/src/main/java/demo/Main.java"
  [ -z "${2:-}" ] || printf 'module demo { requires io.kvarena; }\n' >"$1/src/main/java/module-info.java"
  cat >"$1/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>demo</groupId><artifactId>demo</artifactId><version>1</version>
  <properties>
    <maven.compiler.release>25</maven.compiler.release>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <dependencyManagement><dependencies><dependency>
    <groupId>io.kvarena</groupId><artifactId>kv-bom</artifactId><version>$version</version>
    <type>pom</type><scope>import</scope>
  </dependency></dependencies></dependencyManagement>
  <dependencies><dependency>
    <groupId>io.kvarena</groupId><artifactId>kv-arena</artifactId>
  </dependency></dependencies>
  <build><plugins>
    <plugin><artifactId>maven-compiler-plugin</artifactId><version>3.16.0</version></plugin>
    <plugin><artifactId>maven-resources-plugin</artifactId><version>3.5.0</version></plugin>
    <plugin><artifactId>maven-dependency-plugin</artifactId><version>3.9.0</version></plugin>
  </plugins></build>
</project>
POM
}

run() { # name, java arguments
  local name=$1
  shift
  # Where the lines may leave files.
  if ! (cd "$work" && "$JAVA_HOME/bin/java" "$@") >"$work/out" 2>"$work/err"; then
    cat "$work/out" "$work/err" >&2
    echo "link: the README's lines fail on the $name" >&2
    exit 1
  fi
  if [ -s "$work/err" ]; then
    cat "$work/err" >&2
    echo "link: stderr is not empty on the $name" >&2
    exit 1
  fi
  grep -Eq '^[1-9][0-9]* bytes, f16 would be [1-9][0-9]*$' "$work/out" ||
    { cat "$work/out" >&2 && echo "link: unexpected output on the $name" >&2 && exit 1; }
  echo "link: $name, no flags, stderr empty: $(cat "$work/out")"
}

for kind in classpath modulepath; do
  project "$work/$kind" "$([ $kind = modulepath ] && echo yes || true)"
  (cd "$work/$kind" && "$mvn" -q -B "$@" compile dependency:build-classpath \
    -Dmdep.outputFile=jars -Dmdep.includeScope=runtime >"$work/log" 2>&1) ||
    { tail -n 30 "$work/log" >&2 && exit 1; }
  jars=$(cat "$work/$kind/jars")
  if [ $kind = classpath ]; then
    run "class path" -cp "$work/$kind/target/classes:$jars" demo.Main
  else
    run "module path" -p "$work/$kind/target/classes:$jars" -m demo/demo.Main
  fi
done
