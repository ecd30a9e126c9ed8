#!/bin/sh
# What `sam build` does for a function: `build.sh RESOURCE ARCHITECTURE`, with ARTIFACTS_DIR as SAM sets it.
#
# SAM asks for one function after another, or with --parallel for all at once. One run of cargo for all of them uses every core and
# compiles what they share once. So the first question of a run of SAM builds them all, and the others copy their binary; cargo's
# own lock makes questions at the same time wait for each other. `sam build RESOURCE` builds that function alone.
#
# Where LATCHKEY_BINARIES names a folder, binaries come from there and nothing is compiled.
set -eu
export LC_ALL=C

function=$1 architecture=$2
cd "$(dirname "$0")/../.."

# The binary that the template names for a resource.
binary() {
  awk -v resource="  $1:" '
    $0 == resource { found = 1; next }
    found && sub(/.*Binary: */, "") { sub(/[ ,}].*/, ""); print; exit }' template.yaml
}

# The process of SAM that asked, with its start; nothing where the system shows no processes.
asker() {
  process=$PPID
  while [ "${process:-1}" -gt 1 ]; do
    case " $(ps -o args= -p "$process") " in *" build "*) break ;; esac
    process=$(ps -o ppid= -p "$process" | tr -d ' ')
  done
  [ "${process:-1}" -gt 1 ] && ps -o pid=,lstart= -p "$process"
}

name=$(binary "$function")
[ -n "$name" ] || { echo "template.yaml names no binary for $function" >&2; exit 1; }
if [ -n "${LATCHKEY_BINARIES:-}" ]; then
  exec cp "$LATCHKEY_BINARIES/$name" "$ARTIFACTS_DIR/bootstrap"
fi
case $architecture in
arm64) target=aarch64-unknown-linux-gnu ;;
x86_64) target=x86_64-unknown-linux-gnu ;;
esac
folder=${CARGO_TARGET_DIR:-target}
built=$folder/sam/$architecture.built
run=$(asker 2>/dev/null || true)

if [ -z "$run" ] || [ "$run" != "$(cat "$built" 2>/dev/null)" ]; then
  # All packages are named even for one binary, so that what they share has the same features.
  set -- $(grep -o 'Binary: [a-z-]*' template.yaml | sort -u | sed 's/Binary: /--package /')
  case " $(ps -o args= -p "$(echo "${run%%[A-Z]*}" | tr -d ' ')" 2>/dev/null) " in
  *" $function "*) set -- "$@" --bin "$name" ;;
  *) set -- "$@" --bins ;;
  esac
  cargo lambda build --release --locked --target "$target" --config xtask/sam/release.toml "$@"
  mkdir -p "$folder/sam"
  [ -z "$run" ] || echo "$run" >"$built"
fi
exec cp "$folder/$target/release/$name" "$ARTIFACTS_DIR/bootstrap"
