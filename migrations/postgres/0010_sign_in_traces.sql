-- What using an account leaves behind, so that it tells those who hold the tables less.

-- Answers were kept in clear, and requests as hashes that anybody can try guesses against. A request
-- repeated across this one update runs again.
delete from idempotency_keys;

-- What the latest access token of a client's session is good for; null means all that was granted.
alter table oidc_grants add column token_scope text;
