#!/usr/bin/env bash
# Installs a released deskstate into a folder, for Linux, macOS and the bash of Windows runners.
#
#   install.sh VERSION FOLDER [SHA256]
#
# Downloads the archive for this system, checks it against SHA256SUMS of the release, or against SHA256 if you pass one, and puts the
# program into FOLDER/bin. Exits with 3 if there is no release or no archive for this system, so that the caller can compile instead; with 1
# if something is wrong with what was downloaded. Nothing is left behind unless everything worked.
set -euo pipefail

version=${1:?usage: install.sh VERSION FOLDER [SHA256]}
folder=${2:?usage: install.sh VERSION FOLDER [SHA256]}
expected=${3:-}
releases=${DESKSTATE_RELEASES:-https://github.com/deskstate/deskstate/releases/download}

fail() {
  echo "error: $1" >&2
  exit "${2:-1}"
}

[[ "$version" =~ ^[0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.]+)?$ ]] || fail "\`$version\` is not a version; write one such as 0.1.0"

case "$(uname -s)/$(uname -m)" in
Linux/x86_64) targets="x86_64-unknown-linux-musl" ending=tar.gz ;;
Linux/aarch64 | Linux/arm64) targets="aarch64-unknown-linux-musl" ending=tar.gz ;;
Darwin/x86_64) targets="x86_64-apple-darwin" ending=tar.gz ;;
Darwin/arm64) targets="aarch64-apple-darwin" ending=tar.gz ;;
MINGW*/x86_64 | MSYS*/x86_64 | CYGWIN*/x86_64) targets="x86_64-pc-windows-msvc x86_64-pc-windows-gnu" ending=zip ;;
*) fail "there is no release for $(uname -s) on $(uname -m)" 3 ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Prints nothing. Succeeds if the file was downloaded; exits with 3 if it does not exist.
fetch() {
  local status
  status=$(curl --silent --show-error --location --retry 3 --retry-connrefused --max-time 300 --proto '=https,http' --output "$work/$1" --write-out '%{http_code}' "$releases/v$version/$1") ||
    fail "could not download $releases/v$version/$1"
  case "$status" in
  200) ;;
  404) return 3 ;;
  *) fail "$releases/v$version/$1 answered with status $status" ;;
  esac
}

archive=""
for target in $targets; do
  if fetch "deskstate-$version-$target.$ending"; then
    archive="deskstate-$version-$target.$ending"
    break
  fi
done
[ -n "$archive" ] || fail "the release v$version has no archive for ${targets// / or }" 3

if [ -z "$expected" ]; then
  fetch SHA256SUMS || fail "the release v$version has no SHA256SUMS, so the archive cannot be checked"
  expected=$(awk -v file="$archive" '$2 == file || $2 == "*" file { print $1 }' "$work/SHA256SUMS")
  [ -n "$expected" ] || fail "SHA256SUMS of the release v$version does not list $archive"
fi
if command -v sha256sum > /dev/null; then
  actual=$(sha256sum "$work/$archive")
else
  actual=$(shasum -a 256 "$work/$archive")
fi
actual=${actual%% *}
[ "$(printf %s "$expected" | tr 'A-F' 'a-f')" = "$actual" ] || fail "$archive has the SHA-256 $actual, but $expected was expected"

mkdir "$work/unpacked"
if [ "$ending" = zip ]; then
  unzip -q "$work/$archive" -d "$work/unpacked" || fail "$archive cannot be unpacked"
  program=deskstate.exe
else
  tar -xzf "$work/$archive" -C "$work/unpacked" || fail "$archive cannot be unpacked"
  program=deskstate
fi
found="$work/unpacked/${archive%."$ending"}/$program"
[ -f "$found" ] || fail "$archive does not contain ${archive%."$ending"}/$program"
chmod +x "$found"
"$found" --version > /dev/null || fail "the program in $archive does not start on this system"

mkdir -p "$folder/bin"
mv "$found" "$folder/bin/$program.part"
mv "$folder/bin/$program.part" "$folder/bin/$program"
"$folder/bin/$program" --version
