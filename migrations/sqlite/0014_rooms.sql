-- Rooms of consultations: how long somebody waited in front of them, and what is said in them.

-- How long people were kept in the lobby, in milliseconds.
alter table consultations add column waited_ms bigint not null default 0;

create table consultation_messages (
    id integer primary key autoincrement,
    consultation_id text not null references consultations (id) on delete restrict,
    peer_identity text not null,
    user_id bigint references users (id) on delete restrict,
    client_msg_id text not null,
    text text not null,
    created_at bigint not null
);
create unique index consultation_messages_client on consultation_messages (consultation_id, peer_identity, client_msg_id);
create index consultation_messages_order on consultation_messages (consultation_id, id);
