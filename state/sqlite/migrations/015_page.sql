-- What a page of an operator asks for again and again: the newest drops of a feed or of a state, a day, what began or went out since a
-- time. The first two are for those alone who say id > 0: for any other question of a feed's or a state's drops the planner would take
-- them, to save a sort, and read all drops that there ever were.
CREATE INDEX drops_newest ON drops (feed) WHERE id > 0;
CREATE INDEX drops_stand ON drops (state) WHERE id > 0;
CREATE INDEX drops_seen ON drops (seen_at);
CREATE INDEX drops_ended ON drops (settled_at) WHERE settled_at > 0;
CREATE INDEX runs_started ON runs (started);
CREATE INDEX outfiles_written ON outfiles (written) WHERE written > 0;
