-- Accounts, their roles, and their sign-ins.

create table users (
    id integer primary key autoincrement,
    email text not null,
    password_hash text,
    nombre text,
    apellido text,
    telefono text,
    primary_role text not null check (primary_role in ('admin', 'doctor', 'patient', 'institution', 'company', 'professional', 'client')),
    reference_id bigint,
    is_active boolean not null default true,
    email_verified boolean not null default false,
    failed_logins bigint not null default 0,
    locked_until bigint,
    last_login_at bigint,
    avatar_file_id text,
    version bigint not null default 1,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint
);
create unique index users_email on users (email) where deleted_at is null;
create index users_updated_at on users (updated_at);

create table user_roles (
    user_id bigint not null references users (id) on delete restrict,
    role text not null check (role in ('admin', 'doctor', 'patient', 'institution', 'company', 'professional', 'client')),
    primary key (user_id, role)
);

create table sessions (
    id text not null primary key,
    user_id bigint not null references users (id) on delete restrict,
    -- SHA-256 of the secret half of the cookie.
    cookie_hash text not null,
    refresh_hash text not null,
    prev_refresh_hash text,
    -- Counts rotations; an older generation presented again is a reuse.
    refresh_generation bigint not null default 0,
    refreshed_at bigint not null,
    fingerprint text not null,
    user_agent text,
    platform text,
    browser text,
    ip_prefix text,
    apps text not null default '[]',
    data text not null default '{}',
    revision bigint not null default 0,
    created_at bigint not null,
    last_seen_at bigint not null,
    expires_at bigint not null,
    revoked_at bigint,
    revoke_reason text check (revoke_reason in ('logout', 'logout_all', 'admin', 'password_change', 'refresh_reuse', 'expired', 'deactivated'))
);
create unique index sessions_refresh_hash on sessions (refresh_hash);
create index sessions_user on sessions (user_id);
create index sessions_expires_at on sessions (expires_at);
create index sessions_revoked_at on sessions (revoked_at);
