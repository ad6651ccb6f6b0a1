# A PostgreSQL cluster of our own on a free loopback port, durable as in production, gone at exit.

start_postgres() {
  local bin port
  if ! bin=$(postgres_bin); then
    echo "PostgreSQL is not installed; its stages will fail"
    return
  fi
  pg_dir=$(mktemp -d "${TMPDIR:-/tmp}/latido-postgres.XXXXXX")
  ((EUID != 0)) || chown postgres "$pg_dir"
  cleanups+=(stop_postgres)
  port=$(free_port)
  {
    as_postgres "$bin/initdb" --pgdata "$pg_dir/data" --username latido --auth trust \
      --encoding UTF8 --locale C.UTF-8
    as_postgres "$bin/pg_ctl" --pgdata "$pg_dir/data" --log "$pg_dir/log" --wait --options \
      "-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories=$pg_dir \
       -c fsync=on -c synchronous_commit=on -c max_connections=400" start
  } >"$LOGS/postgres.log" 2>&1 || {
    cat "$LOGS/postgres.log" "$pg_dir/log" 2>/dev/null || true
    return 0
  }
  export LATIDO_TEST_POSTGRES_URL="postgres://latido@127.0.0.1:$port/postgres"
  echo "PostgreSQL $("$bin/postgres" --version | grep -oE '[0-9.]+' | head -n 1) on 127.0.0.1:$port"
}

stop_postgres() {
  as_postgres "$(postgres_bin)/pg_ctl" --pgdata "$pg_dir/data" --mode immediate --wait stop || true
  rm -rf "$pg_dir"
}

# PostgreSQL refuses to run as root.
as_postgres() {
  if ((EUID == 0)); then
    (cd / && setpriv --reuid postgres --regid postgres --init-groups "$@")
  else
    "$@"
  fi
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
