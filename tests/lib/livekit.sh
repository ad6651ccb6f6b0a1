# A LiveKit server of our own on free loopback ports, built with Go, for the tests that take a real one.

# Later ones need forks that no plain `go install` takes.
readonly LIVEKIT=v1.9.11

livekit_server() {
  local server=$TOOLS/livekit-$LIVEKIT/server
  if [[ ! -x $server ]]; then
    have go || { echo "Go is needed to build a LiveKit server"; return 1; }
    echo "building LiveKit $LIVEKIT (a few minutes)"
    GOBIN=${server%/*} go install "github.com/livekit/livekit-server/cmd/server@$LIVEKIT"
  fi
}

start_livekit() {
  local port secret webhooks
  livekit_dir=$(mktemp -d "${TMPDIR:-/tmp}/latido-livekit.XXXXXX")
  cleanups+=(stop_livekit)
  port=$(free_port) webhooks=$(free_port) secret=$(openssl rand -hex 24)
  # Media goes over loopback: neither public STUN servers nor the port that every address listens on.
  cat >"$livekit_dir/config.yaml" <<YAML
port: $port
bind_addresses: ["127.0.0.1"]
keys: {devkey: $secret}
# One node at a time listens there and is told what happens; what nobody takes the server drops.
webhook: {api_key: devkey, urls: ["http://127.0.0.1:$webhooks/webhooks/livekit"]}
rtc:
  udp_port: $(free_port)
  tcp_port: 0
  node_ip: 127.0.0.1
  enable_loopback_candidate: true
  use_external_ip: false
  stun_servers: []
YAML
  "$TOOLS/livekit-$LIVEKIT/server" --config "$livekit_dir/config.yaml" >"$LOGS/livekit-server.log" 2>&1 &
  livekit_pid=$!
  await_port "$port" "$livekit_pid"
  export LIVEKIT_TEST_URL=http://127.0.0.1:$port LIVEKIT_TEST_KEY=devkey LIVEKIT_TEST_SECRET=$secret
  export LIVEKIT_TEST_WEBHOOK_PORT=$webhooks
}

stop_livekit() {
  [[ -z ${livekit_pid:-} ]] || kill "$livekit_pid" || true
  rm -rf "$livekit_dir"
}

livekit_rust_tests() {
  LATIDO_TEST_DATABASE=sqlite cargo test --locked --no-fail-fast --test it -- --include-ignored \
    consultations::livekit consultations::attendance consultations::told
}

livekit_browser_tests() {
  cd tests/e2e/browser
  LATIDO_BIN="${LATIDO_BIN:-$(cd "$ROOT" && target_dir)/debug/latido}" \
    node --test --test-timeout=300000 media-server.test.js
}
