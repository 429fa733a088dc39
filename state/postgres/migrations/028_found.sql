-- What people look for: a key that was only ever rejected, and a file by how its name begins. With the state, whoever asks for the open
-- rejects of a key finds them as before.
CREATE INDEX rejects_key ON rejects (entity, key, state);
CREATE INDEX drops_name ON drops (name);
