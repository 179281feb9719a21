#!/bin/sh
# Holds docs/ARCHITECTURE.md's table against the code: which folder includes which, which library's
# headers stand in which folder, and that core calls nothing but memory, text and assertions.
#
#     test_layers.sh SOURCE_DIR LIBREFRESHD_CORE_A
set -eu
source_dir=$1
core_library=$2
cd "$source_dir"
failed=0

complain() {
    echo "layers: $1" >&2
    failed=1
}

# What a folder may include: extended regular expression over the path in #include "…".
may_include() {
    case $1 in
    common) echo 'common/' ;;
    daemon/core) echo 'core/|common/(macros|assert|error|str)\.h' ;;
    daemon/oauth) echo 'oauth/|core/|common/' ;;
    daemon/vault) echo 'vault/|common/' ;;
    daemon/port) echo 'port/|core/|oauth/|common/' ;;
    daemon/config) echo 'config/|core/|oauth/|common/' ;;
    daemon/metrics) echo 'metrics/|port/|core/|oauth/|vault/|common/' ;;
    daemon/engine) echo 'engine/|metrics/|port/|core/|oauth/|vault/|common/' ;;
    daemon/control) echo 'control/|engine/|metrics/|port/|core/|oauth/|common/' ;;
    daemon/io) echo 'io/|port/|control/session\.h|oauth/|core/|common/' ;;
    ctl) echo 'ctl/|common/' ;;
    esac
}

# Whose headers of other people may stand in a folder; io is one library a file, checked below.
may_use() {
    case $1 in
    common) echo 'json-c/|sodium' ;;
    daemon/oauth) echo 'openssl/' ;;
    daemon/vault) echo 'sodium' ;;
    daemon/config) echo 'ini\.h' ;;
    ctl) echo 'curl/' ;;
    *) echo 'NONE' ;;
    esac
}

foreign='event2/|curl/|hiredis/|sqlite3|libpq|systemd/|openssl/|sodium|json-c/|ini\.h'

for folder in common daemon/core daemon/oauth daemon/vault daemon/port daemon/config \
    daemon/metrics daemon/engine daemon/control daemon/io ctl; do
    for file in "$folder"/*.[ch]; do
        [ -e "$file" ] || continue
        wrong=$(sed -n 's/^ *# *include *"\([^"]*\)".*/\1/p' "$file" |
            grep -Ev "^($(may_include "$folder"))" || true)
        [ -z "$wrong" ] || complain "$file must not include $(printf '%s' "$wrong" | tr '\n' ' ')"
        [ "$folder" = daemon/io ] && continue
        wrong=$(sed -n 's/^ *# *include *<\([^>]*\)>.*/\1/p' "$file" |
            grep -E "^($foreign)" | grep -Ev "^($(may_use "$folder"))" || true)
        [ -z "$wrong" ] || complain "$file must not use $(printf '%s' "$wrong" | tr '\n' ' ')"
    done
done

# refreshctl asks servers for their metadata in one file alone.
for file in ctl/*.[ch]; do
    [ "$file" = ctl/http_get.c ] && continue
    ! grep -q '<curl/' "$file" || complain "$file must not use curl; ctl/http_get.c does"
done

# One library a file in io; a C file of core reads no clock and touches no file.
for file in daemon/io/*.[ch]; do
    count=$(sed -n 's/^ *# *include *<\([^>]*\)>.*/\1/p' "$file" | grep -Eo "^($foreign)" |
        sort -u | wc -l)
    [ "$count" -le 1 ] || complain "$file uses $count libraries; io has one a file"
done

# What core leaves to others: its own modules, common's, plain memory and text.
if [ -n "$core_library" ]; then
    defined=$(nm --defined-only "$core_library" 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u)
    called=$(nm -u "$core_library" 2>/dev/null | awk '$1 == "U" { print $2 }' | sort -u)
    allowed='mem(cpy|move|set|cmp|chr)|str(len|cmp|ncmp|chr)|snprintf|assert_failed|str_.*|error_.*'
    allowed="$allowed|__(memcpy|memmove|memset|snprintf|vsnprintf|strcat|strncat)_chk|__stack_chk_fail"
    allowed="$allowed|__(asan|ubsan|tsan|sanitizer|sancov|gcov|llvm)_.*|_GLOBAL_OFFSET_TABLE_"
    for symbol in $called; do
        echo "$symbol" | grep -Eqx "$allowed" && continue
        echo "$defined" | grep -Fqx -- "$symbol" && continue
        complain "core calls $symbol, which is not pure"
    done
    [ -n "$called" ] || complain "nothing could be read from $core_library"
fi
exit $failed
