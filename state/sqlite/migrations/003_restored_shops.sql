-- A shop that was restored from a backup gives ids again: an order is known by id, identifier and time of submission.
DROP INDEX outbox_order;
CREATE UNIQUE INDEX outbox_order ON outbox (export, oro_id, identifier, submitted, version);
