#!/usr/bin/env bash
# Say what `make test` (or, with the argument firefox, `make test-firefox`) will install, before it starts.
set -euo pipefail
cd "$(dirname "$0")/.."

system=$(build_scripts/system_packages.sh --list test)
[ "${1:-test}" = test ] || system="$(build_scripts/system_packages.sh --list "$1") $system"
read -ra missing <<<"$system"

plan=()
if [ "${#missing[@]}" -gt 0 ]; then
  plan+=("Debian packages  by apt-get, system-wide: ${missing[*]}")
  plan+=("                 (on disk Chromium takes 0.4 GB and Firefox 0.3 GB)")
fi
if [ ! -e build/test.stamp ]; then
  plan+=("Python packages  into .venv: 2.5 GB with PyTorch's build for CPUs, several GB more with its build for GPUs,")
  plan+=("                 which is what PyPI offers on Linux")
fi
if [ ! -e worklet/node_modules/.stamp ] || [ ! -e tests/clients/node_modules/.stamp ]; then
  plan+=("npm packages     into worklet/ and tests/clients/: 200 MB")
fi
if [ ! -d "${XDG_CACHE_HOME:-$HOME/.cache}/percepnet-wasm" ]; then
  plan+=("Pyodide          into ~/.cache/percepnet-wasm: 17 MB")
fi
if [ "${#plan[@]}" -gt 0 ]; then
  echo "This will first download and install:"
  printf '  %s\n' "${plan[@]}"
fi
echo "Allow 40 minutes on two cores for all tests; the time of each part is listed at the end."
