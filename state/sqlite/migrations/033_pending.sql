-- What is still owed to the ERP, among very many files that wait to be picked up.
CREATE INDEX outfiles_pending ON outfiles (export, number) WHERE state = 'owed' OR state = 'written' AND marked = 0;
