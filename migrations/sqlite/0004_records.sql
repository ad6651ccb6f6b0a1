-- What every change leaves behind: the audit trail, the outbox, and answers kept for retries.

create table audit_log (
    id integer primary key autoincrement,
    timestamp bigint not null,
    actor_id bigint,
    actor_role text,
    action text not null,
    entity_type text not null,
    entity_id text,
    ip text,
    user_agent text,
    request_id text,
    data text not null default '{}'
);
create index audit_log_entity on audit_log (entity_type, entity_id);
create index audit_log_actor on audit_log (actor_id);
create index audit_log_timestamp on audit_log (timestamp);

create trigger audit_log_not_updated before update on audit_log
begin
    select raise(abort, 'audit_log is append-only');
end;
create trigger audit_log_not_deleted before delete on audit_log
begin
    select raise(abort, 'audit_log is append-only');
end;

create table outbox (
    id integer primary key autoincrement,
    -- The eventId clients see, in the order of dispatch.
    seq bigint,
    event text not null,
    rooms text not null,
    payload text not null,
    -- Who may replay it.
    audience text not null,
    origin_node text,
    created_at bigint not null,
    dispatched_at bigint,
    attempts bigint not null default 0,
    claimed_by text,
    claimed_until bigint
);
create unique index outbox_seq on outbox (seq);
create index outbox_created_at on outbox (created_at);
create index outbox_dispatched_at on outbox (dispatched_at);
create index outbox_pending on outbox (id) where seq is null;

create table idempotency_keys (
    scope text not null,
    key text not null,
    request_hash text not null,
    state text not null check (state in ('running', 'done')),
    status bigint,
    body text,
    -- Headers of the kept answer that a caller reads: content-type, location, etag.
    headers text not null default '{}',
    created_at bigint not null,
    primary key (scope, key)
);
create index idempotency_keys_created_at on idempotency_keys (created_at);
