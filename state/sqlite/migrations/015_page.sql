-- What a page of an operator asks for again and again: the newest drops of a feed, a day, what began or went out since a time.
CREATE INDEX drops_feed ON drops (feed);
CREATE INDEX drops_seen ON drops (seen_at);
CREATE INDEX drops_ended ON drops (settled_at) WHERE settled_at > 0;
CREATE INDEX runs_started ON runs (started);
CREATE INDEX outfiles_written ON outfiles (written) WHERE written > 0;
