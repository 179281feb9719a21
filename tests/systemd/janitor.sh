#!/bin/bash
# Ends all processes of a control group and removes it, once its standard input has ended: boot.sh holds
# the other end of that pipe, and whatever ends boot.sh ends the pipe. janitor.sh CONTROL_GROUP
set -u
group=$1

cat >/dev/null
tries=100
while [ -d "$group" ] && [ "$tries" -gt 0 ]; do
    if [ -e "$group/cgroup.kill" ]; then
        echo 1 >"$group/cgroup.kill"
    else # before Linux 5.14
        while read -r process; do
            kill -KILL "$process"
        done < <(find "$group" -name cgroup.procs -exec cat {} +)
    fi
    find "$group" -depth -type d -exec rmdir {} +
    tries=$((tries - 1))
    sleep 0.05
done
