-- One log for every door: a gateway is a source as the CRM is, and what is told twice is known by its key.

alter table events rename to events_1;
alter table conflicts rename to conflicts_1;

-- Only ever added to, until a guest is forgotten. id is the order of arrival, given by the one writer.
-- source and key: which fact (`gateway/pi-bar` and NONCE/PARTITION/SEQ; `crm` and the id its message came with).
-- at_us is when it happened, as corrected as it can be; told_us is what the source's clock said of it.
-- hash is of the text as it came. subject is the first of ids, as KIND:VALUE; ids (JSON) is null where it is the only one.
-- subject, ids and body are null where the guest did not agree to being remembered.
create table events (
  id integer primary key,
  source text not null,
  key text not null,
  type text not null,
  name text,
  at_us integer not null,
  told_us integer not null,
  received_us integer not null,
  hash blob not null,
  subject text,
  ids text,
  body text,
  unique (source, key)
);

insert into events (id, source, key, type, at_us, told_us, received_us, hash, subject, body)
select row_number() over (order by received_us, gateway, nonce, partition, seq), 'gateway/' || gateway,
  nonce || '/' || partition || '/' || seq, type,
  coalesce(corrected_us, case when wall_us < received_us then wall_us else received_us end), wall_us, received_us, hash,
  'person:' || person, body
from events_1;

drop table events_1;
create index events_subject on events (subject, at_us) where subject is not null;

-- The same key with another content: a cloned or forged outbox, an export that changed. Never silently dropped.
create table conflicts (
  source text not null,
  key text not null,
  received_us integer not null,
  hash blob not null,
  unique (source, key, hash)
);

insert into conflicts (source, key, received_us, hash)
select 'gateway/' || gateway, nonce || '/' || partition || '/' || seq, received_us, hash from conflicts_1;
drop table conflicts_1;

-- What follows is folded from the log and can be made from it again.

-- What facts claim about who is one guest. event is the id of the fact; of claims that say the same only the first stays.
-- component: everything ever connected by any claim, whatever was cut since.
create table claims (
  event integer primary key,
  component text not null,
  kind text not null,
  ids text not null,
  at_us integer not null,
  source text not null,
  key text not null,
  worn integer not null,
  says text not null unique
);

create index claims_component on claims (component);

-- Who is who; person is null for a name to which the hub gave no id.
create table identifiers (
  kind text not null,
  value text not null,
  component text not null,
  person text,
  primary key (kind, value)
) without rowid;

create index identifiers_component on identifiers (component);
create index identifiers_person on identifiers (person) where person is not null;

-- Badges that changed hands, for other guests who are handed the same ones.
create table handings (
  badge text not null,
  at_us integer not null,
  source text not null,
  key text not null,
  holder text not null,
  worn integer not null,
  component text not null,
  primary key (badge, at_us, source, key)
) without rowid;

create index handings_component on handings (component);

-- Who wore a badge when. until_us is null while it is worn.
create table badges (
  badge text not null,
  person text not null,
  since_us integer not null,
  until_us integer,
  component text not null,
  primary key (badge, since_us, person)
) without rowid;

create index badges_component on badges (component);

-- How long a guest was in each zone, as the last fold says, for the board.
create table dwell (
  zone text not null,
  person text not null,
  dwell_us integer not null,
  primary key (zone, person)
) without rowid;

create index dwell_most on dwell (zone, dwell_us);
create index dwell_person on dwell (person);

-- One document per guest, ready to be read.
create table profiles (
  person text primary key,
  document text not null,
  updated_us integer not null
);

-- Guests whose profile is behind the log: since which event, and mark, the last one that made it so.
create table stale (
  person text primary key,
  since integer not null,
  mark integer not null
) without rowid;

create index stale_since on stale (since);

-- Fields of a door that data_layer.yaml does not name. Their names only, never what was in them.
create table unmapped (
  source text not null,
  field text not null,
  example_type text not null,
  count integer not null,
  first_us integer not null,
  last_us integer not null,
  primary key (source, field)
) without rowid;

create index stays_seen on stays (seen_us);

-- What travels to gateways. A badge may be at two guests for the moment between their folds.
-- remember is 1 where the guest agreed to be remembered; erased of a tombstone.
alter table people rename to people_1;

create table people (
  person text primary key,
  revision integer not null,
  badge text,
  document text not null,
  remember integer not null,
  erased integer not null
) without rowid;

insert into people (person, revision, badge, document, remember, erased)
select person, revision, badge, document,
  case when document like '%"analytics":true%' or document like '%"offers":true%' then 1 else 0 end,
  case when badge is null then 1 else 0 end
from people_1;

drop table people_1;
create index people_latest on people (revision);
