-- The last event id given out: dispatch numbers events under this row's lock, so that purging or
-- partitioning the outbox never touches the count.

create table event_ids (
    id integer primary key check (id = 1),
    last bigint not null
);
insert into event_ids (id, last) select 1, coalesce(max(seq), 0) from outbox;
