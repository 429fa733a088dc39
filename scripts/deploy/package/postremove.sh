#!/bin/sh
# After a removal config and state stay. A purge (deb) takes the config, and asks about the state: it is all that the bridge knows.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
fi
if [ "$1" != purge ]; then
	exit 0
fi
rm -rf /etc/orobridge /etc/systemd/system/orobridge.service.d
if [ ! -d /var/lib/orobridge ]; then
	exit 0
fi
take=false
if [ -e /usr/share/debconf/confmodule ]; then
	. /usr/share/debconf/confmodule
	db_version 2.0
	db_input high orobridge/purge-state || true
	db_go || true
	db_get orobridge/purge-state && take=$RET
	db_purge
fi
if [ "$take" = true ]; then
	rm -rf /var/lib/orobridge
else
	echo "orobridge: the ledger stays in /var/lib/orobridge" >&2
fi
