#include "io/sysd.h"

#include "common/assert.h"
#include "common/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

/* Where in the source a record was written is nobody's business: sd-journal(3). */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

/** One line: a status must not bring further assignments along. */
static void append_status(struct buf *text, const char *status)
{
    if (status == NULL)
        return;
    struct str rest = str_c(status);
    buf_append(text, STR("STATUS="));
    buf_append(text, str_slice(rest, 0, str_find_byte(rest, '\n')));
    buf_append_byte(text, '\n');
}

static void notify(struct str what, const char *status)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    buf_append(&text, what);
    append_status(&text, status);
    int sent = sd_notify(0, buf_c(&text));
    (void)sent; /* nobody listens, or not well */
}

void sysd_notify_ready(const char *status)
{
    notify(STR("READY=1\n"), status);
}

void sysd_notify_reloading(int64_t monotonic_us)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    buf_printf(&text, "RELOADING=1\nMONOTONIC_USEC=%lld\n", (long long)monotonic_us);
    notify(buf_str(&text), "reloading");
}

void sysd_notify_stopping(const char *status)
{
    notify(STR("STOPPING=1\n"), status);
}

void sysd_notify_status(const char *status)
{
    notify(STR(""), status);
}

void sysd_notify_watchdog(void)
{
    notify(STR("WATCHDOG=1\n"), NULL);
}

void sysd_notify_extend(int64_t by_ms)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    buf_printf(&text, "EXTEND_TIMEOUT_USEC=%lld\n", (long long)by_ms * 1000);
    notify(buf_str(&text), NULL);
}

int64_t sysd_watchdog_ms(void)
{
    uint64_t usec = 0;
    int enabled = sd_watchdog_enabled(0, &usec);
    return enabled > 0 ? (int64_t)(usec / 1000) : 0;
}

int sysd_take_listener(int *ret_surplus)
{
    int count = sd_listen_fds(1);
    *ret_surplus = count > 1 ? count - 1 : 0;
    for (int i = 1; i < count; i++)
        close(SD_LISTEN_FDS_START + i);
    return count > 0 ? SD_LISTEN_FDS_START : -1;
}

bool sysd_stderr_is_journal(void)
{
    struct str stream = str_c(getenv("JOURNAL_STREAM"));
    struct stat info;
    if (!str_is_set(stream) || fstat(STDERR_FILENO, &info) != 0)
        return false;
    size_t colon = str_find_byte(stream, ':');
    uint64_t device, inode;
    return str_to_u64(str_slice(stream, 0, colon), &device) == STATUS_OK &&
           str_to_u64(str_slice(stream, colon + 1, stream.len), &inode) == STATUS_OK &&
           device == (uint64_t)info.st_dev && inode == (uint64_t)info.st_ino;
}

enum { JOURNAL_FIELDS_MAX = 32, JOURNAL_FIXED = 4 };

/** A record as the journal takes it: all texts in one buffer, their ends beside it. */
struct journal_entry {
    struct buf text;
    size_t ends[JOURNAL_FIELDS_MAX];
    size_t count;
};

static void end_field(struct journal_entry *entry)
{
    ASSERT(entry->count < JOURNAL_FIELDS_MAX);
    entry->ends[entry->count++] = entry->text.len;
}

static void append_text_field(struct journal_entry *entry, const char *name, struct str value)
{
    buf_append(&entry->text, str_c(name));
    buf_append(&entry->text, value);
    end_field(entry);
}

/** "took_ms" becomes REFRESHD_TOOK_MS: upper case, digits and underscores are all there may be. */
static void append_own_field(struct journal_entry *entry, const struct log_field *field)
{
    buf_append(&entry->text, STR("REFRESHD_"));
    for (const char *at = field->name; *at != '\0'; at++) {
        bool is_lower = *at >= 'a' && *at <= 'z';
        bool is_kept = (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9');
        buf_append_byte(&entry->text, is_lower ? (char)(*at - 'a' + 'A') : is_kept ? *at : '_');
    }
    buf_append_byte(&entry->text, '=');
    if (field->is_number)
        buf_printf(&entry->text, "%lld", (long long)field->number);
    else
        buf_append(&entry->text, field->text);
    end_field(entry);
}

static int send_entry(struct journal_entry *entry)
{
    struct iovec pieces[JOURNAL_FIELDS_MAX];
    size_t from = 0;
    for (size_t i = 0; i < entry->count; i++) {
        pieces[i] =
            (struct iovec){.iov_base = entry->text.data + from, .iov_len = entry->ends[i] - from};
        from = entry->ends[i];
    }
    return sd_journal_sendv(pieces, (int)entry->count);
}

void sysd_log_write(void *ctx UNUSED, const struct log_record *record)
{
    CLEANUP(buf_deinit) struct buf priority = {0};
    struct journal_entry entry = {0};
    buf_printf(&priority, "%d", (int)record->level);
    append_text_field(&entry, "MESSAGE=", str_c(record->message));
    append_text_field(&entry, "PRIORITY=", buf_str(&priority));
    append_text_field(&entry, "SYSLOG_IDENTIFIER=", STR("refreshd"));
    append_text_field(&entry, "REFRESHD_EVENT=", str_c(record->event));
    size_t fields = MIN_OF(record->field_count, (size_t)(JOURNAL_FIELDS_MAX - JOURNAL_FIXED));
    for (size_t i = 0; i < fields; i++)
        append_own_field(&entry, &record->fields[i]);
    if (send_entry(&entry) < 0)
        log_write_stderr(NULL, record);
    buf_deinit(&entry.text);
}
