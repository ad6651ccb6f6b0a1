-- How the picture of a recording is put together, which is asked for before the patient answers.

alter table recordings add column layout text not null default 'grid' check (layout in ('grid', 'speaker'));
