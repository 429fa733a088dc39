-- Whom an order is of: a digest of the customer's number, so that a person's orders are found though nothing names the person.
ALTER TABLE outbox ADD COLUMN person TEXT NOT NULL DEFAULT '';
CREATE INDEX outbox_person ON outbox (person) WHERE person <> '';
