-- What accounts use beside their sign-ins: settings, single-use secrets, identities elsewhere.

create table user_settings (
    user_id bigint not null primary key references users (id) on delete restrict,
    theme text not null check (theme in ('light', 'dark', 'system', 'custom')),
    notifications boolean not null,
    locale text not null,
    focus_mode boolean not null,
    notify text not null,
    custom_theme text not null,
    updated_at bigint not null
);

create table one_time_tokens (
    -- Hex SHA-256; the token itself is nowhere.
    hash text not null primary key,
    kind text not null check (kind in ('password_reset', 'email_verify', 'sso_ticket')),
    user_id bigint not null references users (id) on delete restrict,
    data text not null default '{}',
    created_at bigint not null,
    expires_at bigint not null,
    used_at bigint
);
create index one_time_tokens_user on one_time_tokens (user_id);
create index one_time_tokens_expires_at on one_time_tokens (expires_at);

create table auth_identities (
    id integer primary key autoincrement,
    user_id bigint not null references users (id) on delete restrict,
    provider text not null,
    subject text not null,
    created_at bigint not null
);
create unique index auth_identities_subject on auth_identities (provider, subject);
create index auth_identities_user on auth_identities (user_id);
