#!/bin/sh
# The part of install.sh inside the clean root.
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
fail() { echo "install.sh: $*" >&2; exit 1; }
files() { find / -xdev \( -path /proc -o -path /dev -o -path /tmp -o -path /debs -o -path /newer -o -path /var/lib/dpkg \
  -o -path /var/log -o -path /var/cache -o -path /run \) -prune -o -print | LC_ALL=C sort; }
quietly() { "$@" >/tmp/log 2>&1 || { cat /tmp/log >&2; fail "'$*' failed"; }; }

relay() { # a file arrives, and is the same
  rm -rf /tmp/site
  mkdir -p /tmp/site/inbox
  cd /tmp/site
  cp /usr/bin/paxect inbox/program.bin
  PAXECT_LINK_INBOX=inbox PAXECT_LINK_OUTBOX=outbox paxect run --once || fail "the relay ended with $?"
  cmp outbox/program /usr/bin/paxect || fail "what arrived is not what was sent"
  [ -z "$(ls -A inbox | grep -v '^\.')" ] || fail "the inbox is not empty"
  paxect-core encode -i outbox/program -o program.freq
  paxect-core test --quiet program.freq || fail "paxect-core does not verify what it made"
  cd /
}

files >/tmp/before
echo "== install"
quietly dpkg -i /debs/*.deb
[ -z "$(dpkg --audit)" ] || fail "dpkg --audit: $(dpkg --audit)"
quietly dpkg --verify paxect paxect-carrier libpaxect-core1 libpaxect-core-dev
[ ! -s /tmp/log ] || { cat /tmp/log; fail "installed files are not those of the packages"; }
ldconfig -p | grep -q libpaxect_core.so.1 || fail "the dynamic linker does not know the library"
[ "$(stat -c '%U %a' /var/lib/paxect)" = 'paxect 750' ] || fail "/var/lib/paxect: $(stat -c '%U %a' /var/lib/paxect)"
[ "$(stat -c '%U %a' /etc/paxect)" = 'root 755' ] || fail "/etc/paxect: $(stat -c '%U %a' /etc/paxect)"
for plugin in link carrier; do
  paxect plugins | grep -q "^  $plugin " || fail "no plugin $plugin: $(paxect plugins)"
done
relay
# An upgrade keeps what the administrator changed in /etc.
changed=
for file in $(cat /var/lib/dpkg/info/paxect.conffiles 2>/dev/null); do
  changed=$file
  echo "# ours" >>"$changed"
done

echo '[link]' >/etc/paxect/ours.conf

echo "== upgrade"
before=$(dpkg-query -W -f '${Version}' paxect)
quietly dpkg --force-confold -i /newer/*.deb
[ "$(dpkg-query -W -f '${Version}' paxect)" = "$before.1" ] || fail "still version $(dpkg-query -W -f '${Version}' paxect)"
relay
for file in $changed; do tail -n 1 "$file" | grep -qx '# ours' || fail "the upgrade replaced $file"; done

echo "== remove"
quietly dpkg -r paxect-carrier paxect libpaxect-core-dev libpaxect-core1
[ ! -e /usr/bin/paxect ] || fail "paxect is still there"
[ -z "$changed" ] || [ -f "$changed" ] || fail "removal took $changed, which only a purge may"
ldconfig -p | grep libpaxect && fail "the dynamic linker still knows the library"

[ -f /etc/paxect/ours.conf ] || fail "removal took /etc/paxect/ours.conf"
rm /etc/paxect/ours.conf

echo "== purge"
quietly dpkg -P paxect-carrier paxect libpaxect-core-dev libpaxect-core1
files >/tmp/after
# The user remains, because files may belong to it, and the tools keep a backup of the user lists.
diff /tmp/before /tmp/after | grep '^[<>]' | grep -vE '^> /etc/(passwd|group|shadow|gshadow)-$' &&
  fail "not all is as it was before the installation"
echo "install.sh: installed, used, upgraded, removed and purged"
