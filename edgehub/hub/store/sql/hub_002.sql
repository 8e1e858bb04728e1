-- Clocks that were not set: wall_us stays as it came, corrected_us is what to believe, null until an anchor tells.
alter table events add column corrected_us integer;
update events set corrected_us = wall_us;

create table anchors (
  gateway text not null,
  boot_id text not null,
  monotonic_us integer not null,
  wall_us integer not null,
  primary key (gateway, boot_id)
) without rowid;

create table unanchored (
  gateway text not null,
  boot_id text not null,
  start integer not null,
  nonce text not null,
  partition integer not null,
  seq integer not null,
  monotonic_us integer not null,
  primary key (gateway, boot_id, start, nonce, partition, seq)
) without rowid;

-- Up to which revision each gateway has confirmed that the erased are gone from it.
create table receipts (
  gateway text primary key,
  revision integer not null,
  received_us integer not null
) without rowid;

-- When an epoch was last heard of: one that its gateway no longer has is forgotten some time after.
alter table received add column heard_us integer not null default 0;
