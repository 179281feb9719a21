#!/bin/bash
# Runs as process 1 of new namespaces: makes a root directory, installs the built tree into it, moves
# there and becomes systemd. boot.sh calls it.
#
# /usr is this machine's, under an overlay that takes the installation; /etc and /var are new, so that
# nothing that was set up on this machine plays along.
set -euo pipefail

refuse() {
    printf 'skipped: %s\n' "$*"
    exit 77
}

: "${SOURCE_DIR:?}" "${BUILD_DIR:?}" "${STAGE:?}" "${CMAKE:?}" "${node:?}"
root=$STAGE/tree
mount --make-rprivate /
mount --bind "$root" "$root"
cd "$root"

# ---- the tree ----

mkdir -p usr etc/ssl var/lib var/log run proc sys dev home root opt/source old
mkdir -m 1777 tmp var/tmp
for link in bin sbin lib lib32 lib64 libx32; do
    if [ -L "/$link" ]; then ln -s "usr/$link" "$link"; fi
done
mkdir "$STAGE/upper" "$STAGE/work"
refusal=$(mount -t overlay -o "lowerdir=/usr,upperdir=$STAGE/upper,workdir=$STAGE/work" overlay usr 2>&1) ||
    refuse "no overlay mounts: $refusal"

tr -d - </proc/sys/kernel/random/uuid >etc/machine-id
ln -s ../usr/lib/os-release etc/os-release
echo "127.0.0.1 localhost" >etc/hosts
echo "root:x:0:0:root:/root:/bin/sh" >etc/passwd
echo "root:x:0:" >etc/group
if [ -e /etc/ld.so.cache ]; then cp /etc/ld.so.cache etc/; fi
if [ -d /etc/ssl ]; then mount --bind -o ro /etc/ssl etc/ssl; fi
cp -r "$SOURCE_DIR/tests/systemd/root/." .

# ---- the installation ----

# A refreshd that this machine has of its own is not the one under test.
find usr -path '*/systemd/system/refreshd*' -prune -exec rm -rf {} +
DESTDIR=$root "$CMAKE" --install "$BUILD_DIR" >"$STAGE/install.log" 2>&1 || {
    cat "$STAGE/install.log"
    exit 1
}
cat >etc/checks.env <<TEXT
PREFIX=$PREFIX
SBIN_DIR=$SBIN_DIR
BIN_DIR=$BIN_DIR
MAN_DIR=$MAN_DIR
CONFIG_DIR=$CONFIG_DIR
TEXT

# The checks and the node that runs them, wherever they are on this machine.
mount --bind -o ro "$SOURCE_DIR" opt/source
touch opt/node
mount --bind -o ro "$node" opt/node

# ---- what the kernel offers ----

mount -t proc proc proc
refusal=$(mount -t sysfs -o ro sysfs sys 2>&1) || refuse "no sysfs: $refusal"
refusal=$(mount -t cgroup2 cgroup2 sys/fs/cgroup 2>&1) || refuse "no cgroup2: $refusal"
mount -t tmpfs -o mode=755 devices dev
for device in null zero full random urandom tty; do
    touch "dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd

pivot_root . old
umount -l /old
rmdir /old
# Credentials reach a service by a mount that has to arrive in its own namespace.
mount --make-rshared /
exec env -i container=refreshd-checks PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin \
    /lib/systemd/systemd --system --unit=checks.target --log-target=journal --show-status=0
