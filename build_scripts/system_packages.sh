#!/usr/bin/env bash
# Install the programs that the tests drive, where apt-get exists and may be used; else say what is missing.
# With the argument "venv", only what a virtual environment needs.
set -euo pipefail

missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }

python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
if [ "${1:-all}" = all ]; then
  need node nodejs
  need npm npm
  need chromium chromium
  need chromedriver chromium-driver
  # PESQ's package is compiled on installation.
  need gcc gcc
  python3 -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' ||
    missing+=(python3-dev libc6-dev)
fi
[ "${#missing[@]}" -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo -n); fi
if command -v apt-get >/dev/null 2>&1 && "${as_root[@]}" true 2>/dev/null; then
  echo "installing ${missing[*]}"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c \
    "apt-get update -qq && apt-get install -y -qq --no-install-recommends ${missing[*]}" >/dev/null
else
  echo "These packages (by their Debian names) are missing, and this user may not install them: ${missing[*]}" >&2
  exit 1
fi
