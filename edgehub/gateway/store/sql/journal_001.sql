-- The journal of a gateway: the outbox, and the visits that are open. One transaction writes both (durability 4.1).

create table meta (
  key text primary key,
  value text not null
) without rowid;

-- One row for each start of the process: an outbox that was rolled back or cloned never repeats a nonce.
create table epochs (
  start integer primary key,
  nonce text not null unique,
  boot_id text not null
);

-- id orders the rows as they were committed; (epoch, partition, seq) is what the hub knows them by.
-- payload is the whole envelope but the gateway's name; crc guards it, for SQLite does not see a flipped bit.
create table outbox (
  id integer primary key,
  epoch integer not null references epochs (start),
  partition integer not null,
  seq integer not null,
  class text not null,
  schema_version integer not null,
  payload blob not null,
  crc integer not null,
  acked_us integer,
  unique (epoch, partition, seq)
);

create index outbox_waiting on outbox (id) where acked_us is null;

create table visits (
  visit text primary key,
  document blob not null,
  crc integer not null
);
