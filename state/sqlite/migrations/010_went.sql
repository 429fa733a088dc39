-- Where an order without a file stands that a ledger which was lost may have written: unknown, or picked_up once somebody knows.
ALTER TABLE outbox ADD COLUMN went TEXT NOT NULL DEFAULT '';
