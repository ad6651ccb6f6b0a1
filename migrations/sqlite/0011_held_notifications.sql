-- Notifications that wait until their reader leaves focus mode.

create table held_notifications (
    id integer primary key autoincrement,
    user_id bigint not null references users (id) on delete restrict,
    payload text not null,
    created_at bigint not null
);
create index held_notifications_user on held_notifications (user_id, id);
