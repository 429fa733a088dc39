#!/bin/sh
# A first installation starts nothing: the config has to be edited first. An upgrade starts anew what runs, and what was done goes on from the
# ledger.
set -e
if [ ! -d /var/lib/orobridge ]; then
	mkdir -p /var/lib/orobridge
	chown orobridge:orobridge /var/lib/orobridge
	chmod 0700 /var/lib/orobridge
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl try-restart orobridge.service
elif [ -x /sbin/rc-service ] && /sbin/rc-service --quiet orobridge status 2>/dev/null; then
	/sbin/rc-service orobridge restart
fi
