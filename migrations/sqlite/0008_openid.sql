-- The OpenID Connect provider: codes on their way to clients, the sessions clients were given, and
-- the ends of those sessions that clients have yet to hear of.

-- When the password was shown again; null means not since the session began.
alter table sessions add column authenticated_at bigint;

create table oidc_codes (
    -- Hex SHA-256; the code itself is nowhere.
    hash text not null primary key,
    client_id text not null,
    redirect_uri text not null,
    code_challenge text not null,
    nonce text,
    scope text not null,
    user_id bigint not null references users (id) on delete restrict,
    -- The browser's session.
    parent_id text not null references sessions (id) on delete restrict,
    auth_time bigint not null,
    created_at bigint not null,
    expires_at bigint not null,
    used_at bigint,
    -- The session its redemption opened.
    session_id text references sessions (id) on delete restrict
);
create index oidc_codes_expires_at on oidc_codes (expires_at);

create table oidc_grants (
    session_id text not null primary key references sessions (id) on delete restrict,
    parent_id text not null references sessions (id) on delete restrict,
    client_id text not null,
    scope text not null,
    auth_time bigint not null,
    created_at bigint not null
);
create index oidc_grants_parent on oidc_grants (parent_id);

create table oidc_logouts (
    session_id text not null primary key references sessions (id) on delete restrict,
    client_id text not null,
    user_id bigint not null references users (id) on delete restrict,
    attempts bigint not null default 0,
    due_at bigint not null,
    created_at bigint not null
);
create index oidc_logouts_due_at on oidc_logouts (due_at);
