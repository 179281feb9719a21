#!/bin/bash
# Boots this machine's systemd in namespaces of its own, with the built tree installed, and lets it run
# checks.test.mjs. Exit status: that of the checks; 77 where the machine can't do this, with the reason.
#
# What is left behind by any end, SIGKILL included: nothing. All mounts are in a mount namespace that
# goes with its last process. All processes are in one control group. That group is ended by janitor.sh,
# which waits, in a session of its own, for the end of a pipe that only this script holds open. Every end
# is by the janitor: there is no second way that could rot.
set -euo pipefail

skip_status=77
time_limit_s=${TIME_LIMIT_S:-120} # for the boot and all checks; ctest's own limit is above it
here=$(cd "$(dirname "$0")" && pwd)

skip() {
    printf 'skipped: %s\n' "$*"
    exit "$skip_status"
}

# What would make a test of this kind impossible rather than failed.
find_obstacles() {
    local program
    [ "$(id -u)" -eq 0 ] || skip "needs root, to make namespaces and mounts"
    [ -x /lib/systemd/systemd ] || skip "no /lib/systemd/systemd: apt-get install systemd"
    for program in unshare setpriv setsid pivot_root timeout systemctl journalctl systemd-analyze systemd-sysusers; do
        command -v "$program" >/dev/null || skip "no $program: apt-get install systemd util-linux coreutils"
    done
    if ! [ -L /bin ] || ! [ -L /lib ]; then skip "/bin and /lib are not links into /usr here"; fi
    case $PREFIX in
    /usr | /usr/local) ;;
    *) skip "systemd reads no units below the prefix $PREFIX" ;;
    esac
    node=$("$here/../e2e/find-node.sh") || skip "no node >= 20.12: scripts/setup gets one"
    node=$(realpath "$node")
    local refusal
    refusal=$(unshare --mount --pid --fork --net --ipc --uts --cgroup true 2>&1) || skip "no namespaces: $refusal"
    mountpoint -q "$STAGE" && skip "$STAGE is a mount point already"
    [ -d "$STAGE" ] || skip "no directory $STAGE"
}

if [ "${1:-}" != staged ]; then
    : "${SOURCE_DIR:?}" "${BUILD_DIR:?}" "${STAGE:?}" "${CMAKE:?}" "${PREFIX:?}" "${SBIN_DIR:?}" "${BIN_DIR:?}" "${MAN_DIR:?}" "${CONFIG_DIR:?}"
    find_obstacles
    export node
    exec unshare --mount --propagation private "$0" staged
fi

# ---- from here on in a mount namespace of our own ----

refusal=$(mount -t tmpfs -o size=1g,mode=755 stage "$STAGE" 2>&1) || skip "no mounts: $refusal"
mkdir "$STAGE/cgroup" "$STAGE/tree"
refusal=$(mount -t cgroup2 cgroup2 "$STAGE/cgroup" 2>&1) || skip "no cgroup2: $refusal"
group=$STAGE/cgroup/refreshd-test-$$
refusal=$(mkdir "$group" 2>&1) || skip "no control group of our own: $refusal"
exec {guard}> >(exec setsid --fork "$here/janitor.sh" "$group" >/dev/null 2>&1)

# The group first, so that the new cgroup namespace has it as its root.
status=0
(
    exec {guard}>&-
    echo "$BASHPID" >"$group/cgroup.procs" || skip "can't enter a control group"
    exec timeout --signal=KILL "$time_limit_s" \
        unshare --mount --pid --fork --kill-child --net --ipc --uts --cgroup "$here/enter.sh"
) </dev/null || status=$?

output=$STAGE/tree/output
[ ! -f "$output" ] || cat "$output"
case $status in
0 | 1 | "$skip_status") ;;
137) printf 'not over after %s s, or killed: all of it has been ended\n' "$time_limit_s" ;;
*) printf 'systemd ended with status %s\n' "$status" ;;
esac
if [ "$status" -eq 0 ] && [ ! -s "$output" ]; then
    echo "systemd ended before the checks began"
    status=1
fi

exec {guard}>&-
tries=120
while [ -d "$group" ]; do
    tries=$((tries - 1))
    if [ "$tries" -eq 0 ]; then
        echo "the control group ${group##*/} could not be removed"
        exit 1
    fi
    sleep 0.05
done
exit "$status"
