package postgres

import (
	"context"
	"errors"
	"fmt"
)

// cuts are triggers that ask before each row that is written whether it is to fail: a sequence counts down, whatever becomes of the
// transaction.
const cuts = `
CREATE SEQUENCE IF NOT EXISTS rows_left INCREMENT -1 MINVALUE -9000000000000000000 MAXVALUE 1000000 START 0;
CREATE OR REPLACE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$ BEGIN
	IF nextval('rows_left') = 0 THEN RAISE EXCEPTION 'cut by the test'; END IF;
	IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
	RETURN NEW;
END $$;
DO $$ DECLARE t record; BEGIN
	FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename NOT IN ('bridges', 'commits') AND tablename NOT LIKE 'river_%' LOOP
		EXECUTE format('CREATE OR REPLACE TRIGGER cut BEFORE INSERT OR UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION cut()', t.tablename);
	END LOOP;
END $$`

// Cuttable prepares a ledger to be cut.
func Cuttable(l *Ledger) error {
	ctx := context.Background()
	c, err := l.database.write.Conn(ctx)
	if err != nil {
		return err
	}
	return errors.Join(run(ctx, c, cuts), run(ctx, c, "SELECT setval('rows_left', -1)"), c.Close())
}

// Cut has the n-th row that is written from now on fail.
func (l *Ledger) Cut(n int) {
	query := "SELECT setval('rows_left', -1)"
	if n > 0 {
		query = fmt.Sprintf("SELECT setval('rows_left', %d)", n)
	}
	if _, err := l.database.read.Exec(query); err != nil {
		panic(err)
	}
}
