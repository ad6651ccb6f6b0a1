-- What a consultation is made of besides its own row: who was there, what was recorded, how well it was
-- seen and heard, and whom it was opened to.

alter table consultations add column record boolean not null default false;
alter table consultations add column waiting_room boolean not null default false;

create table consultation_participants (
    id integer primary key autoincrement,
    consultation_id text not null references consultations (id) on delete restrict,
    identity text not null,
    user_id bigint references users (id) on delete restrict,
    role text not null check (role in ('doctor', 'patient', 'observer')),
    joined_at bigint not null,
    left_at bigint
);
create index consultation_participants_consultation on consultation_participants (consultation_id, id);
-- Somebody is in a consultation once at a time.
create unique index consultation_participants_present on consultation_participants (consultation_id, identity)
    where left_at is null;

create table recordings (
    id integer primary key autoincrement,
    consultation_id text not null references consultations (id) on delete restrict,
    egress_id text,
    status text not null check (status in ('requested', 'starting', 'recording', 'stopping', 'completed', 'failed', 'deleted', 'declined', 'mock', 'mock_stopped')),
    mock boolean not null default false,
    filepath text not null,
    bucket text,
    size_bytes bigint,
    duration_seconds bigint,
    started_by bigint references users (id) on delete restrict,
    consent_by text,
    started_at bigint not null,
    stopped_at bigint,
    error text,
    visible_to_patient boolean not null default false,
    version bigint not null default 1,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint
);
create index recordings_consultation on recordings (consultation_id, id);
create unique index recordings_egress on recordings (egress_id);
-- A consultation is recorded once at a time.
create unique index recordings_running on recordings (consultation_id)
    where status in ('requested', 'starting', 'recording', 'stopping', 'mock');

create index recordings_status on recordings (status, started_at);

create table quality_samples (
    id integer primary key autoincrement,
    room_name text not null,
    identity text not null,
    latency_ms real,
    packet_loss_pct real,
    bitrate_kbps real,
    resolution text,
    frame_rate real,
    jitter_ms real,
    created_at bigint not null
);
create index quality_samples_room on quality_samples (room_name, created_at);
create index quality_samples_created_at on quality_samples (created_at);

create table consultation_invites (
    id integer primary key autoincrement,
    consultation_id text not null references consultations (id) on delete restrict,
    -- Of the code that stands in the link's fragment.
    code_hash text not null,
    role text not null check (role in ('patient', 'observer')),
    name text,
    created_by bigint references users (id) on delete restrict,
    created_at bigint not null,
    expires_at bigint not null,
    redeemed_at bigint,
    revoked_at bigint
);
create unique index consultation_invites_code on consultation_invites (code_hash);
create index consultation_invites_consultation on consultation_invites (consultation_id, id);

-- What services told of by themselves, so that what they tell again is done once.
create table provider_events (
    provider text not null,
    event_id text not null,
    body_hash text not null,
    received_at bigint not null,
    processed_at bigint,
    outcome text,
    primary key (provider, event_id)
);
create index provider_events_received_at on provider_events (received_at);
