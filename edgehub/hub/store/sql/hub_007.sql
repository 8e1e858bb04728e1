-- What gives away guests who are forgotten, until nothing of it is left beside the tables (files that wait to be mended,
-- pages of this database): a hub that is killed in the middle goes on with it when it is started again.
create table owed (
  id integer primary key,
  traces text not null
);
