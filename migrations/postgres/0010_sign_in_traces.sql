-- What using an account leaves behind, so that it tells those who hold the tables less.

-- Answers were kept in clear, and requests as hashes that anybody can try guesses against. A request
-- repeated across this one update runs again.
delete from idempotency_keys;
