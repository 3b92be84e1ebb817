#!/usr/bin/env bash
# The programs that the tests drive: list what is missing, or install it where apt-get exists and may be used.
#
#     build_scripts/system_packages.sh [--list] [venv | test | firefox]
#
# venv: what a virtual environment needs. test (the default): that and what `make test` drives. firefox: what
# `make test-firefox` drives besides. --list installs nothing and prints the Debian names of what is missing.
set -euo pipefail

list=false
if [ "${1:-}" = --list ]; then list=true && shift; fi
set=${1:-test}

missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }

if [ "$set" = firefox ]; then
  command -v firefox >/dev/null 2>&1 || need firefox-esr firefox-esr
  # Without a sound card Firefox's audio does not run; PulseAudio provides a virtual one.
  need pulseaudio pulseaudio
  need paplay pulseaudio-utils
else
  python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
fi
if [ "$set" = test ]; then
  need node nodejs
  # Debian's nodejs comes without npm, other packages of it bring their own.
  need npm npm
  need chromium chromium
  need chromedriver chromium-driver
  # PESQ's package is compiled on installation.
  need gcc gcc
  python3 -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' ||
    missing+=(python3-dev libc6-dev)
fi
if $list; then
  echo "${missing[*]}"
  exit 0
fi
[ "${#missing[@]}" -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo -n); fi
if ! command -v apt-get >/dev/null 2>&1 || ! "${as_root[@]}" true 2>/dev/null; then
  echo "Please install these packages (Debian's names), which this user may not: ${missing[*]}" >&2
  exit 1
fi
echo "installing ${missing[*]}"
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c \
  "apt-get update -qq && apt-get install -y -qq --no-install-recommends ${missing[*]}" >/dev/null
