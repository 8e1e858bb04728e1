-- The cache of profiles: everything in it can be had again from the hub.

create table profiles (
  person text primary key,
  revision integer not null,
  document blob not null
) without rowid;
