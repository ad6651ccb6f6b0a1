# Gates: checks that pass or fail as a whole.

documentation() {
  RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
}

spelling() {
  typos
}

dependencies() {
  cargo deny --locked check bans licenses sources
  # Advisories come from a public Git repository; without a way there, say so and judge the rest.
  if timeout 30 git ls-remote --quiet https://github.com/rustsec/advisory-db HEAD >/dev/null 2>&1; then
    cargo deny --locked check advisories
  else
    echo "advisories not checked: the advisory database is out of reach"
  fi
}

fuzz_targets() {
  CARGO_TARGET_DIR=$STATE/fuzz-target cargo check --locked --manifest-path src/protocol/fuzz/Cargo.toml
}

# Keys and tokens that would open something, and traces of the machine a file was made on.
no_secrets() {
  local kind pattern found=0
  while IFS='|' read -r kind pattern; do
    if git grep -InE --untracked -e "$pattern" -- . ':!tests/lib/gates.sh'; then
      echo "found: $kind"
      found=1
    fi
  done <<'PATTERNS'
a private key|-----BEGIN ([A-Z]+ )?PRIVATE KEY-----$
an AWS key|(^|[^A-Z0-9])(AKIA|ASIA)[A-Z0-9]{16}([^A-Z0-9]|$)
a GitHub token|(gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{40})
a Slack token|xox[abprs]-[A-Za-z0-9-]{10}
a payment token|(sk_live_[A-Za-z0-9]{16}|APP_USR-[0-9]{8,}-)
a signed token|eyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}
a registry address in a lock file|"resolved": "http
PATTERNS
  # The gate must be able to fail.
  local sample="AKIA0123456789ABCDEF"
  grep -qE '(AKIA|ASIA)[A-Z0-9]{16}' <<<"$sample"
  return "$found"
}
