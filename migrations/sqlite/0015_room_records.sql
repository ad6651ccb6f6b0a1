-- What was said in a call by whom, and who was sent out of one and is to stay out.

alter table consultation_messages add column role text not null default 'observer'
    check (role in ('doctor', 'patient', 'observer'));

-- Tokens handed out before that moment let nobody in again; a new one takes the row away.
create table consultation_removals (
    consultation_id text not null references consultations (id) on delete restrict,
    identity text not null,
    removed_at bigint not null,
    primary key (consultation_id, identity)
);
