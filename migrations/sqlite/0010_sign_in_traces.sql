-- What using an account leaves behind, so that it tells those who hold the tables less.

-- Answers were kept in clear, and requests as hashes that anybody can try guesses against. A request
-- repeated across this one update runs again.
delete from idempotency_keys;

-- What the latest access token of a client's session is good for; null means all that was granted.
alter table oidc_grants add column token_scope text;

-- Imported accounts whose hash awaits its replacement, by the cost of bcrypt: `$2b$12$…`.
create index users_dated_hash on users (substr(password_hash, 5, 2)) where substr(password_hash, 1, 2) = '$2';

-- When the latest failed sign-ins were, the oldest first; failed_logins is how many.
alter table users add column recent_failures text not null default '[]';

-- The same under names that are nobody's, by marks that only the server can make.
create table strangers (
    name text not null primary key,
    recent_failures text not null default '[]',
    locked_until bigint,
    touched_at bigint not null
);
create index strangers_touched_at on strangers (touched_at);

-- Words of e-mail and names in lower case without accents, which accounts are searched by. What is there is folded
-- as far as SQL can; every write folds the rest.
alter table users add column search text not null default '';
update users set search = replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(lower(replace(replace(email, '@', ' '), '.', ' ') || coalesce(' ' || nombre, '') || coalesce(' ' || apellido, '')), 'á', 'a'), 'é', 'e'), 'í', 'i'), 'ó', 'o'), 'ú', 'u'), 'ü', 'u'), 'ñ', 'n'), 'Á', 'a'), 'É', 'e'), 'Í', 'i'), 'Ó', 'o'), 'Ú', 'u'), 'Ü', 'u'), 'Ñ', 'n');
