#!/bin/sh
# The account and its group, before files are given to them. It stays when the package goes: files may be its own.
set -e
if ! getent group orobridge >/dev/null 2>&1; then
	if command -v groupadd >/dev/null 2>&1; then
		groupadd --system orobridge
	else
		addgroup -S orobridge
	fi
fi
if ! getent passwd orobridge >/dev/null 2>&1; then
	if command -v useradd >/dev/null 2>&1; then
		useradd --system --gid orobridge --home-dir /var/lib/orobridge --no-create-home --shell /usr/sbin/nologin orobridge
	else
		adduser -S -D -H -G orobridge -h /var/lib/orobridge -s /sbin/nologin orobridge
	fi
fi
