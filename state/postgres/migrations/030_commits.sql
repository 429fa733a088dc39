-- The number of the last commit of each who writes, for whoever does not hear of the end of one. The database's own numbers of transactions
-- don't tell: a replica that has taken over gives those once more that it has not heard of.
CREATE TABLE commits (
    writer TEXT   PRIMARY KEY, -- one life of whoever has opened the ledger
    number BIGINT NOT NULL,
    at     BIGINT NOT NULL     -- by the database's clock
);
CREATE FUNCTION turn(lock BIGINT, mine TEXT, writer TEXT, number BIGINT) RETURNS TEXT LANGUAGE plpgsql SET search_path FROM CURRENT AS
$$ BEGIN
    PERFORM turn(lock, mine);
    INSERT INTO commits AS c VALUES (writer, number, extract(epoch FROM clock_timestamp()) * 1000)
        ON CONFLICT ON CONSTRAINT commits_pkey DO UPDATE SET number = excluded.number, at = excluded.at;
    RETURN number::text;
END $$;
