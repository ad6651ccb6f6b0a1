-- What can be booked: exams, packages, their prices and places.

create table categories (
    id integer primary key autoincrement,
    name text not null,
    parent_id bigint references categories (id) on delete restrict,
    version bigint not null default 1,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint
);
create unique index categories_name on categories (name) where deleted_at is null;
create index categories_parent on categories (parent_id);

create table locations (
    id integer primary key autoincrement,
    name text not null,
    address text,
    lat real check (lat between -90 and 90),
    lon real check (lon between -180 and 180),
    active boolean not null default true,
    version bigint not null default 1,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint
);
create unique index locations_name on locations (name) where deleted_at is null;

create table exams (
    id integer primary key autoincrement,
    code text not null,
    name text not null,
    description text,
    category_id bigint references categories (id) on delete restrict,
    preparation text,
    duration_minutes bigint check (duration_minutes between 1 and 1440),
    active boolean not null default true,
    version bigint not null default 1,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint
);
create unique index exams_code on exams (code) where deleted_at is null;
create index exams_name on exams (name);
create index exams_category on exams (category_id);

create table packages (
    id integer primary key autoincrement,
    name text not null,
    description text,
    active boolean not null default true,
    version bigint not null default 1,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint
);
create unique index packages_name on packages (name) where deleted_at is null;

create table package_exams (
    package_id bigint not null references packages (id) on delete restrict,
    exam_id bigint not null references exams (id) on delete restrict,
    primary key (package_id, exam_id)
);
create index package_exams_exam on package_exams (exam_id);

create table prices (
    id integer primary key autoincrement,
    exam_id bigint references exams (id) on delete restrict,
    package_id bigint references packages (id) on delete restrict,
    location_id bigint references locations (id) on delete restrict,
    amount_cents bigint not null check (amount_cents >= 0),
    currency text not null,
    valid_from text,
    valid_to text,
    version bigint not null default 1,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint,
    check ((exam_id is null) <> (package_id is null))
);
create index prices_exam on prices (exam_id);
create index prices_package on prices (package_id);
create index prices_location on prices (location_id);
