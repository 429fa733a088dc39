#!/bin/sh
# The ERP's server in the rehearsal of compose.yaml: makes keys once, installs sshd, and drops the sample files.
set -eu
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openssh-server >/dev/null
[ -f /keys/id_ed25519 ] || ssh-keygen -q -t ed25519 -N '' -f /keys/id_ed25519
[ -f /keys/host ] || ssh-keygen -q -t ed25519 -N '' -f /keys/host
printf 'sshd %s\n' "$(cut -d' ' -f1,2 /keys/host.pub)" >/keys/known_hosts
chown 65532 /keys/id_ed25519
id erp >/dev/null 2>&1 || useradd --home-dir /srv/erp --shell /usr/sbin/nologin erp
for folder in out/customers out/products out/prices in/orders; do install -d -o erp "/srv/erp/$folder"; done
for feed in customers products prices; do
	[ -n "$(ls -A "/srv/erp/out/$feed")" ] || install -o erp "/sample/$feed.csv" "/srv/erp/out/$feed/${feed}_1.csv"
done
install -D -m 0644 /keys/id_ed25519.pub /etc/ssh/erp.keys
mkdir -p /run/sshd
exec /usr/sbin/sshd -D -e -o HostKey=/keys/host -o AuthorizedKeysFile=/etc/ssh/erp.keys -o PasswordAuthentication=no \
	-o 'Subsystem=sftp internal-sftp' -o ForceCommand=internal-sftp
