#!/bin/sh
# A subscriber with a consumer group, of nothing but sh and redis-cli.
#
#     REDIS_CLI='redis-cli -u redis://127.0.0.1:6379/0' ./subscriber.sh
#
# PREFIX: of [redis] prefix. GROUP, CONSUMER: who we are. LAST_FILE: where the number of the last event
# that was dealt with is kept. It takes one entry at a time, since entries of several lines each are
# easier told apart that way, and acknowledges it when it has been dealt with.
set -u

redis_cli=${REDIS_CLI:-redis-cli}
stream=${PREFIX:-refreshd:}events
group=${GROUP:-sh}
consumer=${CONSUMER:-$(hostname)}
last_file=${LAST_FILE:-subscriber-sh.last}
entry=$(mktemp) || exit 1
trap 'rm -f "$entry"' EXIT
trap 'exit 0' INT TERM

# REDIS_CLI is a command with its options: it is split on purpose.
redis() { $redis_cli --raw "$@"; }

# What to do about an event. Here: a line for each; yours may call sendmail. jq takes the JSON apart.
handle() { # NUMBER TYPE SUBJECT EVENT
    printf '%s\t%s\t%s\n' "$1" "$3" "$2"
}

# Redis hands out old entries again after it was emptied: the last number tells.
last=$(cat "$last_file" 2>/dev/null || echo 0)
remember() {
    last=$1
    echo "$1" >"$last_file.new" && mv "$last_file.new" "$last_file"
}

# An entry is eight lines: stream, id, then name and value of type, subject and event. JSON has no
# line breaks within.
deal() {
    id=$(sed -n 2p "$entry")
    number=${id%-*}
    event=$(sed -n 8p "$entry")
    if [ -n "$event" ] && [ "$number" -gt "$last" ]; then # without: trimmed before it was read
        handle "$number" "$(sed -n 4p "$entry")" "$(sed -n 6p "$entry")" "$event"
        remember "$number"
    fi
    redis XACK "$stream" "$group" "$id" >/dev/null
}

# First what we were given and did not acknowledge (0), then what nobody was given yet (>).
from=0
while :; do
    redis XREADGROUP GROUP "$group" "$consumer" COUNT 1 BLOCK 2000 STREAMS "$stream" "$from" >"$entry" 2>&1
    case $(sed -n 1p "$entry") in
    "$stream")
        case $(sed -n 2p "$entry") in
        *-*) deal ;;
        *) from='>' ;; # nothing is left lying
        esac
        ;;
    '') ;; # nothing happened for 2 s
    NOGROUP*) # the first time, or Redis was emptied
        redis XGROUP CREATE "$stream" "$group" "$last-0" MKSTREAM >/dev/null
        from=0
        ;;
    *)
        sed '1s/^/again in a second: /' "$entry" >&2
        sleep 1
        ;;
    esac
done
