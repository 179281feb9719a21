#include "common/log.h"

#include "common/assert.h"
#include "common/encoding.h"

#include <errno.h>
#include <unistd.h>

enum { LOG_VALUE_MAX = 1024 };

void log_record_always(const struct log *log, enum log_level level, const char *event,
                       const char *message, const struct log_field *fields, size_t field_count)
{
    if (log == NULL || log->write == NULL || log->level == 0)
        return;
    const struct log_record record = {
        .level = level,
        .event = event,
        .message = message,
        .fields = fields,
        .field_count = field_count,
    };
    log->write(log->ctx, &record);
}

void log_record(const struct log *log, enum log_level level, const char *event, const char *message,
                const struct log_field *fields, size_t field_count)
{
    if (log != NULL && level <= log->level)
        log_record_always(log, level, event, message, fields, field_count);
}

const char *log_level_text(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_ERROR:
        return "error";
    case LOG_LEVEL_WARNING:
        return "warning";
    case LOG_LEVEL_NOTICE:
        return "notice";
    case LOG_LEVEL_INFO:
        return "info";
    case LOG_LEVEL_DEBUG:
        return "debug";
    }
    return "unknown";
}

enum status log_level_parse(struct str text, enum log_level *ret)
{
    for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
        if (str_eq(text, str_c(log_level_text((enum log_level)level)))) {
            *ret = (enum log_level)level;
            return STATUS_OK;
        }
    }
    return STATUS_INVALID;
}

/** Does the value need quotes, so that fields can be told apart? */
static bool needs_quotes(struct str text)
{
    return text.len == 0 || str_find_byte(text, ' ') < text.len ||
           str_find_byte(text, '"') < text.len || str_find_byte(text, '=') < text.len;
}

static void append_field(struct buf *line, const struct log_field *field)
{
    buf_printf(line, " %s=", field->name);
    if (field->is_number) {
        buf_printf(line, "%lld", (long long)field->number);
        return;
    }
    if (!needs_quotes(field->text)) {
        encoding_printable(field->text, LOG_VALUE_MAX, line);
        return;
    }
    buf_append_byte(line, '"');
    struct str rest = str_slice(field->text, 0, LOG_VALUE_MAX);
    for (;;) {
        size_t quote = str_find_byte(rest, '"');
        encoding_printable(str_slice(rest, 0, quote), LOG_VALUE_MAX, line);
        if (quote == rest.len)
            break;
        buf_append(line, STR("\\x22")); /* so that a value can't end itself */
        rest = str_slice(rest, quote + 1, rest.len);
    }
    buf_append_byte(line, '"');
}

void log_write_stderr(void *ctx UNUSED, const struct log_record *record)
{
    ASSERT(record != NULL);
    CLEANUP(buf_deinit) struct buf line = {0};
    buf_printf(&line, "%s %s ", log_level_text(record->level), record->event);
    encoding_printable(str_c(record->message), LOG_VALUE_MAX, &line);
    for (size_t i = 0; i < record->field_count; i++)
        append_field(&line, &record->fields[i]);
    buf_append_byte(&line, '\n');

    struct str rest = buf_str(&line);
    while (rest.len > 0) {
        ssize_t written = write(STDERR_FILENO, rest.data, rest.len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return; /* nowhere to say it */
        rest = str_slice(rest, (size_t)written, rest.len);
    }
}
