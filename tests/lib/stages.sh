# Stages: named, timed, counted, and never in each other's way.

passed=0
failed=0
failed_stages=()
readonly began=$SECONDS
# Undone at exit, last first.
cleanups=()

# stage NAME COUNTER COMMAND…: runs the command, its output to a log, and adds to the totals.
stage() {
  local name=$1 counter=$2
  shift 2
  local log start=$SECONDS status=0 counts
  log=$LOGS/$(tr -cs '[:alnum:]' '-' <<<"$name").log
  printf '▶ %s\n' "$name"
  # `set -e` is off inside `if` and `||`, so the command gets a shell of its own.
  (set -euo pipefail; "$@") >"$log" 2>&1 </dev/null &
  local job=$! beat
  heartbeat "$name" "$job" "$log" &
  beat=$!
  wait "$job" || status=$?
  kill "$beat" 2>/dev/null || true
  wait "$beat" 2>/dev/null || true
  counts=$("count_$counter" "$log" "$status")
  passed=$((passed + ${counts% *}))
  failed=$((failed + ${counts#* }))
  if ((status != 0)) || ((${counts#* } != 0)); then
    failed_stages+=("$name")
    # What succeeded is counted; what is left tells of the rest.
    grep -vE '^test .* \.\.\. ok$' "$log" || true
    printf '✖ %s: %d passed, %d failed (%d s)\n\n' "$name" ${counts} $((SECONDS - start))
  else
    printf '✔ %s: %d passed (%d s)\n\n' "$name" "${counts% *}" $((SECONDS - start))
  fi
}

# Says every half minute what a long stage is doing.
heartbeat() {
  local name=$1 job=$2 log=$3 waited=0
  while sleep 1 && kill -0 "$job" 2>/dev/null; do
    waited=$((waited + 1))
    if ((waited % 30 == 0)); then
      printf '  … %s, %d s: %s\n' "$name" "$waited" "$(tail -n 1 "$log" | tr -d '\r' | cut -c 1-100)"
    fi
  done
}

# The counters print `PASSED FAILED` of a finished stage. A stage that failed without a failed test
# (it did not compile, it could not start) counts as one failure.

count_gate() {
  if (($2 == 0)); then echo "1 0"; else echo "0 1"; fi
}

count_cargo_tests() {
  awk -v status="$2" '
    /^test result: / { for (i = 1; i <= NF; i++) { if ($i ~ /^passed/) p += $(i-1); if ($i ~ /^failed/) f += $(i-1) } }
    END { if (status != 0 && f == 0) f = 1; if (p + f == 0) f = 1; print p + 0, f + 0 }' "$1"
}

count_node_tests() {
  awk -v status="$2" '
    /^(#|ℹ) (pass) / { p += $3 }
    /^(#|ℹ) (fail|cancelled) / { f += $3 }
    END { if (status != 0 && f == 0) f = 1; if (p + f == 0) f = 1; print p + 0, f + 0 }' "$1"
}

# Suites of other languages than Rust and JavaScript say `name: N passed, N failed`.
count_suite() {
  awk -v status="$2" '
    /^[a-z]+: [0-9]+ passed, [0-9]+ failed$/ { p += $2; f += $4 }
    END { if (status != 0 && f == 0) f = 1; if (p + f == 0) f = 1; print p + 0, f + 0 }' "$1"
}

# Runs at exit, however the run ends: cleans up, then the closing line.
finish() {
  local status=$? i
  for ((i = ${#cleanups[@]} - 1; i >= 0; i--)); do
    ${cleanups[i]} >>"$LOGS/cleanup.log" 2>&1 || true
  done
  if ((status > 2 || passed + failed > 0)); then
    ((${#failed_stages[@]} == 0)) || printf 'failed: %s\n' "$(printf '%s; ' "${failed_stages[@]}")"
    ((status == 0)) || failed=$((failed + 1))
    printf 'took %d min %d s\n' $(((SECONDS - began) / 60)) $(((SECONDS - began) % 60))
    printf '%d passed, %d failed\n' "$passed" "$failed"
  fi
  trap - EXIT
  if ((status != 0)); then exit "$status"; fi
  ((failed == 0)) || exit 1
}
