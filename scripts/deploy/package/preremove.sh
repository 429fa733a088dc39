#!/bin/sh
# Stops the bridge when the package goes, not when it is upgraded. deb says remove, rpm says 0, apk says its version alone.
set -e
case "${1:-0}" in
upgrade | deconfigure | failed-upgrade | 1) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
	systemctl disable --now orobridge.service
elif [ -x /sbin/rc-service ]; then
	/sbin/rc-service --ifstarted orobridge stop || true
fi
