-- The hub's memory: what has arrived, what it means, and who is who.

create table meta (
  key text primary key,
  value text not null
) without rowid;

-- What has arrived of each epoch and partition: a watermark and the ranges above it, however many events that are.
create table received (
  gateway text not null,
  nonce text not null,
  partition integer not null,
  start integer not null,
  watermark integer not null,
  ranges text not null,
  primary key (gateway, nonce, partition)
) without rowid;

-- hash is of the text as it came; person and body are null where the guest did not agree to being remembered.
create table events (
  gateway text not null,
  nonce text not null,
  partition integer not null,
  seq integer not null,
  type text not null,
  wall_us integer not null,
  received_us integer not null,
  hash blob not null,
  person text,
  body text,
  primary key (gateway, nonce, partition, seq)
) without rowid;

create index events_person on events (person) where person is not null;

-- The same identity with another content: a cloned or forged outbox. Never silently dropped.
create table conflicts (
  gateway text not null,
  nonce text not null,
  partition integer not null,
  seq integer not null,
  received_us integer not null,
  hash blob not null,
  unique (gateway, nonce, partition, seq, hash)
);

-- Events that could not be read. They were acknowledged, so that they block nothing.
create table quarantine (
  id integer primary key,
  gateway text not null,
  received_us integer not null,
  why text not null,
  raw text not null
);

-- Events a gateway gave up unsent, as it reported.
create table shed (
  gateway text not null,
  nonce text not null,
  partition integer not null,
  class text not null,
  count integer not null,
  received_us integer not null
);

-- Stays as the gateways reported them; (start, seq) of the report decides which bounds are the newer ones.
create table stays (
  gateway text not null,
  visit text not null,
  person text not null,
  zone text not null,
  entered_us integer not null,
  seen_us integer not null,
  left_us integer,
  start integer not null,
  seq integer not null,
  primary key (gateway, visit)
) without rowid;

create index stays_person on stays (person);

-- A badge is worn by one guest; a guest whose row has gone keeps only an id and a tombstone.
create table people (
  person text primary key,
  revision integer not null,
  badge text unique,
  document text not null
) without rowid;

create index people_revision on people (revision);
