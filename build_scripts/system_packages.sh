#!/usr/bin/env bash
# Install the programs that the tests drive, where apt-get exists and may be used; else say what is missing.
# With the argument "venv", only what a virtual environment needs.
set -euo pipefail

missing=()
optional=()
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
  # Firefox, and the sound card without which its audio does not run.
  command -v firefox >/dev/null 2>&1 || command -v firefox-esr >/dev/null 2>&1 || optional+=(firefox-esr)
  command -v paplay >/dev/null 2>&1 && command -v pulseaudio >/dev/null 2>&1 || optional+=(pulseaudio pulseaudio-utils)
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo -n); fi
install() {
  command -v apt-get >/dev/null 2>&1 && "${as_root[@]}" true 2>/dev/null || return 1
  echo "installing $*"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c \
    "apt-get update -qq && apt-get install -y -qq --no-install-recommends $*" >/dev/null
}

if [ "${#missing[@]}" -gt 0 ] && ! install "${missing[@]}"; then
  echo "These packages (by their Debian names) are missing, and this user may not install them: ${missing[*]}" >&2
  exit 1
fi
if [ "${#optional[@]}" -gt 0 ] && ! install "${optional[@]}"; then
  echo "Not installed, so that their tests are skipped: ${optional[*]}" >&2
fi
