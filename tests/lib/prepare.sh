# Installs what a fresh Debian 12 with Rust and Node misses. Says what it does, repeats nothing.

readonly CARGO_DENY=0.20.2 TYPOS=1.52.0 AUTOBAHN=25.10.1
readonly VENV=$STATE/venv TOOLS=$STATE/tools

prepare_machine() {
  install_packages
  install_python_tools
  install_node_packages
  install_cargo_deny
}

# Tools of this project go first in PATH.
use_prepared_tools() {
  export PATH="$TOOLS/bin:$VENV/bin:$PATH"
}

install_packages() {
  local missing=()
  have cc || missing+=(build-essential)
  have pkg-config || missing+=(pkg-config)
  have git || missing+=(git)
  have openssl || missing+=(openssl)
  python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3 python3-venv)
  [[ -x /usr/bin/chromium ]] || missing+=(chromium)
  [[ -x /usr/sbin/nginx ]] || missing+=(nginx-light)
  [[ -x /usr/bin/turnserver ]] || missing+=(coturn)
  postgres_bin >/dev/null || missing+=(postgresql)
  if ((${#missing[@]} == 0)); then
    echo "Debian packages: nothing missing"
    return
  fi
  echo "installing Debian packages: ${missing[*]}"
  local sudo=()
  ((EUID == 0)) || sudo=(sudo)
  "${sudo[@]}" apt-get update -q
  # The packaged cluster is not wanted; the tests start their own.
  "${sudo[@]}" mkdir -p /etc/postgresql-common
  if [[ ! -e /etc/postgresql-common/createcluster.conf ]]; then
    echo 'create_main_cluster = false' | "${sudo[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
  fi
  # Nor is any service started on ports of its own: RUNLEVEL says that nothing is to run.
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -qy --no-install-recommends "${missing[@]}"
}

install_python_tools() {
  local wanted
  wanted="typos==$TYPOS autobahntestsuite==$AUTOBAHN $(grep -v '^#' tests/conformance/openapi/requirements.txt | xargs)"
  if [[ -x $VENV/bin/python && $(cat "$VENV/wanted" 2>/dev/null) == "$wanted" ]]; then
    echo "Python tools: present"
    return
  fi
  echo "installing Python tools: $wanted"
  rm -rf "$VENV"
  python3 -m venv "$VENV"
  # shellcheck disable=SC2086 # a list of words
  "$VENV/bin/pip" install --quiet --disable-pip-version-check --no-deps $wanted
  echo "$wanted" >"$VENV/wanted"
}

install_node_packages() {
  echo "installing Node packages of tests/"
  (cd tests && npm ci --no-audit --no-fund)
}

install_cargo_deny() {
  local version
  version=$(PATH="$TOOLS/bin:$PATH" cargo deny --version 2>/dev/null || true)
  if [[ $version == "cargo-deny $CARGO_DENY" ]]; then
    echo "cargo-deny: present"
    return
  fi
  echo "building cargo-deny $CARGO_DENY (a few minutes on a new machine)"
  CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR=$STATE/cargo-deny-target \
    cargo install --locked --debug --root "$TOOLS" "cargo-deny@$CARGO_DENY"
  rm -rf "$STATE/cargo-deny-target"
}

have() {
  command -v "$1" >/dev/null
}

# The directory with initdb and pg_ctl, newest version first.
postgres_bin() {
  local dir
  dir=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV | head -n 1)
  [[ -x $dir/initdb ]] && echo "$dir"
}
