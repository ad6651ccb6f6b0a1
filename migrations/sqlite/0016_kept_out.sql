-- What keeps somebody out of a call stays: tokens made up to that moment let them in no more, later ones do.
-- The media server is looked at until it is known to have nobody there who may not be.

-- When to look; absent when there is nothing to see to.
alter table consultation_removals add column due_at bigint;
-- Looks in a row that did not settle it.
alter table consultation_removals add column attempts bigint not null default 0;
create index consultation_removals_due on consultation_removals (due_at) where due_at is not null;

-- Also of rows that were removed: their accounts are about to be switched off.
create index patients_account on patients (user_id);
create index doctors_account on doctors (user_id);

create index consultation_invites_revoked on consultation_invites (revoked_at) where revoked_at is not null;
