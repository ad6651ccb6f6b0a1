-- Notices of what is about to expire; a row claims one for the node that sends it.

create table expiry_notices (
    entity text not null check (entity in ('doctor', 'institution', 'prescription')),
    entity_id bigint not null,
    last_day text not null,
    user_id bigint not null references users (id) on delete restrict,
    sent_at bigint not null,
    primary key (entity, entity_id, last_day)
);

-- Whether the score was reckoned as that of an adult; who comes of age is reckoned anew.
alter table health_profiles add column as_adult boolean not null default false;
create index health_profiles_as_child on health_profiles (patient_id) where not as_adult;
