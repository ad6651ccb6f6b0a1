# Suites: tests that are counted one by one.

# Tests wait for sockets and disks more than they compute: one more at a time than there are processors.
export RUST_TEST_THREADS=$(($(nproc) + 1))

rust_tests_sqlite() {
  LATIDO_TEST_DATABASE=sqlite cargo test --workspace --locked --no-fail-fast
}

rust_tests_postgres() {
  : "${LATIDO_TEST_POSTGRES_URL:?PostgreSQL did not start}"
  LATIDO_TEST_DATABASE=postgres cargo test --locked --no-fail-fast --test it
}

protocol_suites() {
  with_conformance_server protocol_suites_at
}

protocol_suites_at() {
  cd tests/conformance
  LATIDO_CONFORMANCE_URL=http://127.0.0.1:$1 node --test --test-timeout=30000
}

autobahn_suite() {
  with_conformance_server autobahn_suite_at
}

autobahn_suite_at() {
  "$VENV/bin/python" tests/conformance/autobahn/run.py "ws://127.0.0.1:$1/echo" \
    --report "$LOGS/autobahn.json"
}

openapi_suite() {
  : "${LATIDO_TEST_POSTGRES_URL:?PostgreSQL did not start}"
  PYTHONDONTWRITEBYTECODE=1 "$VENV/bin/python" tests/conformance/openapi/run.py "$(target_dir)/debug/latido" \
    --postgres "$LATIDO_TEST_POSTGRES_URL" --logs "$LOGS/openapi"
}

# with_conformance_server COMMAND: calls the command with the port of a fresh server.
with_conformance_server() {
  local port server status=0
  port=$(free_port)
  PORT=$port "$(target_dir)/debug/examples/conformance" &
  server=$!
  # shellcheck disable=SC2064 # this server, now
  trap "kill $server 2>/dev/null || true" EXIT
  await_port "$port" "$server"
  ("$1" "$port") || status=$?
  return "$status"
}

client_tests() {
  cd tests/e2e
  LATIDO_BIN="${LATIDO_BIN:-$(cd "$ROOT" && target_dir)/debug/latido}" node --test --test-timeout=60000 ./*.test.js
}

browser_tests() {
  cd tests/e2e/browser
  # Browsers start slowly on a busy machine, and the limit holds for a whole file as well.
  LATIDO_BIN="${LATIDO_BIN:-$(cd "$ROOT" && target_dir)/debug/latido}" node --test --test-timeout=300000
}

target_dir() {
  echo "${CARGO_TARGET_DIR:-$ROOT/target}"
}

# Waits until the port answers or the process is gone.
await_port() {
  local tries
  for ((tries = 0; tries < 200; tries++)); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return 0; fi
    kill -0 "$2" 2>/dev/null || break
    sleep 0.05
  done
  echo "nothing listens on port $1"
  return 1
}
