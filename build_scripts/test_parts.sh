#!/usr/bin/env bash
# Run parts of the tests, each a target of the Makefile, one after the other: a part that fails does not keep the others
# from running. Prints what each took; exits with 1 if any failed.
#
#     build_scripts/test_parts.sh lint test-unit ...
set -uo pipefail
cd "$(dirname "$0")/.."

results=()
failed=0
for part in "$@"; do
  echo "== $part"
  started=$SECONDS
  if "${MAKE:-make}" --no-print-directory "$part"; then
    result=passed
  else
    result=FAILED
    failed=1
  fi
  took=$((SECONDS - started))
  results+=("$(printf '%-14s %-7s %3d min %02d s' "$part" "$result" $((took / 60)) $((took % 60)))")
done
printf '== %s\n' 'all parts' && printf '%s\n' "${results[@]}"
exit "$failed"
