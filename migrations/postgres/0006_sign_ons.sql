-- Sessions that belong together: a sign-in, and those that tickets opened from it on other domains.

-- The session that began it, whose row holds what all of them share; null in that row itself.
alter table sessions add column sign_on text references sessions (id) on delete restrict;
create index sessions_sign_on on sessions (sign_on);
