#include "config/config.h"

#include "config/config_check.h"
#include "config/config_file.h"
#include "config/config_ini.h"
#include "config/config_key.h"
#include "config/config_value.h"

#include <stdio.h>
#include <string.h>

/** While files are read: where each key was last set. */
struct loading {
    struct config *config;
    struct str credentials_directory;
    struct config_faults *faults;
    struct str file;                     /* the present one, kept in config's arena */
    struct str set_in[CONFIG_KEYS_MAX];  /* file, by identity; unset: nowhere */
    unsigned set_at[CONFIG_KEYS_MAX];    /* line */
    struct str written[CONFIG_KEYS_MAX]; /* expanded */
};

static bool on_section(void *ctx UNUSED, struct str name)
{
    return config_section_is_known(name);
}

/** STATUS_INVALID and *ret_problem where a variable can't be expanded. */
static enum status expand(struct loading *loading, struct str value, struct str *ret,
                          struct error *err)
{
    static const struct str variable = STR_INIT("${CREDENTIALS_DIRECTORY}");
    CLEANUP(buf_deinit) struct buf out = {0};
    for (size_t i = 0; i < value.len;) {
        struct str here = str_slice(value, i, value.len);
        if (!str_starts_with(here, STR("${"))) {
            buf_append_byte(&out, value.data[i++]);
            continue;
        }
        if (!str_starts_with(here, variable))
            return error_set(err, STATUS_INVALID, "no variable but ${CREDENTIALS_DIRECTORY}");
        if (!str_is_set(loading->credentials_directory))
            return error_set(err, STATUS_INVALID,
                             "a path: ${CREDENTIALS_DIRECTORY} is not set, because systemd did "
                             "not start this with LoadCredential=");
        buf_append(&out, loading->credentials_directory);
        i += variable.len;
    }
    *ret = arena_copy(&loading->config->arena, buf_str(&out));
    if (!str_is_set(*ret))
        *ret = STR("");
    return STATUS_OK;
}

static void on_pair(void *ctx, const struct config_pair *pair)
{
    struct loading *loading = ctx;
    size_t at = config_key_find(pair->section, pair->name);
    if (at == CONFIG_KEYS_MAX) {
        config_fault_add(
            loading->faults, STR_FMT ":%u: unknown key \"" STR_FMT "\" in [" STR_FMT "]",
            STR_ARG(loading->file), pair->line, STR_ARG(pair->name), STR_ARG(pair->section));
        return;
    }
    if (loading->set_in[at].data == loading->file.data) {
        config_fault_add(loading->faults,
                         STR_FMT ":%u: [" STR_FMT "] " STR_FMT " is given twice, first on line %u",
                         STR_ARG(loading->file), pair->line, STR_ARG(pair->section),
                         STR_ARG(pair->name), loading->set_at[at]);
        return;
    }
    loading->set_in[at] = loading->file;
    loading->set_at[at] = pair->line;
    loading->written[at] = arena_copy(&loading->config->arena, pair->value);
}

static void read_text(struct loading *loading, struct str name, struct str text)
{
    struct config_ini_sink sink = {.ctx = loading, .section = on_section, .pair = on_pair};
    loading->file = arena_copy(&loading->config->arena, name);
    config_ini_parse(loading->file, text, sink, loading->faults);
}

static void read_file(void *ctx, struct str name, struct str text)
{
    read_text(ctx, name, text);
}

enum { WHERE_SIZE = 200, VALUE_SHOWN_MAX = 80 };

/** "file:line", or "default". */
static const char *tell_where(const struct loading *loading, size_t at, char where[WHERE_SIZE])
{
    struct str file = loading->set_in[at];
    if (str_is_set(file))
        snprintf(where, WHERE_SIZE, STR_FMT ":%u", STR_ARG(file), loading->set_at[at]);
    else
        snprintf(where, WHERE_SIZE, "default");
    return where;
}

/** "file:line: [section] key: expected …, got "…"", without what may be a password. */
static void tell_value(struct loading *loading, size_t at, struct str value,
                       const struct error *expected)
{
    const struct config_key *key = config_key_at(at);
    char where[WHERE_SIZE];
    tell_where(loading, at, where);
    if (key->secret)
        config_fault_add(loading->faults, "%s: [%s] %s: expected %s", where, key->section,
                         key->name, expected->text);
    else
        config_fault_add(loading->faults, "%s: [%s] %s: expected %s, got \"" STR_FMT "\"", where,
                         key->section, key->name, expected->text,
                         STR_ARG(str_slice(value, 0, VALUE_SHOWN_MAX)));
}

static void tell_contradiction(void *ctx, const char *section, const char *name,
                               const char *expected)
{
    struct loading *loading = ctx;
    char where[WHERE_SIZE];
    size_t at = config_key_find(str_c(section), str_c(name));
    config_fault_add(loading->faults, "%s: [%s] %s: expected %s", tell_where(loading, at, where),
                     section, name, expected);
}

static void set_key(struct loading *loading, size_t at)
{
    const struct config_key *key = config_key_at(at);
    struct str written = str_is_set(loading->set_in[at]) ? loading->written[at] : str_c(key->value);
    struct str value = STR("");
    struct error expected;
    if (expand(loading, written, &value, &expected) != STATUS_OK ||
        config_value_parse(key, value, loading->config, &expected) != STATUS_OK)
        tell_value(loading, at, written, &expected);
    loading->config->texts[at] = value;
    loading->config->given[at] = str_is_set(loading->set_in[at]);
}

/** All files are read: values, then what lies between them. */
static enum status finish(struct loading *loading, struct config *ret)
{
    size_t before = loading->faults->count;
    for (size_t i = 0; config_key_at(i) != NULL; i++)
        set_key(loading, i);
    if (loading->faults->count == before)
        config_check(loading->config, tell_contradiction, loading);
    if (loading->faults->count > 0) {
        config_deinit(loading->config);
        return STATUS_INVALID;
    }
    *ret = *loading->config;
    return STATUS_OK;
}

enum status config_load_text(struct config *config, struct str name, struct str text,
                             struct str credentials_directory, struct config_faults *faults)
{
    struct config fresh = {0};
    struct loading loading = {
        .config = &fresh, .credentials_directory = credentials_directory, .faults = faults};
    read_text(&loading, name, text);
    return finish(&loading, config);
}

enum status config_load(struct config *config, struct str path, struct str credentials_directory,
                        struct config_faults *faults)
{
    struct config fresh = {0};
    struct loading loading = {
        .config = &fresh, .credentials_directory = credentials_directory, .faults = faults};
    if (!config_file_read_all(path, read_file, &loading, faults)) {
        config_deinit(loading.config);
        return STATUS_INVALID; /* what it says of values would mislead */
    }
    return finish(&loading, config);
}

void config_deinit(struct config *config)
{
    arena_deinit(&config->arena);
    *config = (struct config){0};
}

void config_find_reserved(const struct config *config, struct config_faults *lines)
{
    for (size_t i = 0; config_key_at(i) != NULL; i++) {
        const struct config_key *key = config_key_at(i);
        if (key->reserved && config->given[i])
            config_fault_add(lines, "[%s] %s", key->section, key->name);
    }
}

void config_find_fixed(const struct config *running, const struct config *fresh,
                       struct config_faults *lines)
{
    for (size_t i = 0; config_key_at(i) != NULL; i++) {
        const struct config_key *key = config_key_at(i);
        if (!key->reloadable && !str_eq(running->texts[i], fresh->texts[i]))
            config_fault_add(lines, "[%s] %s", key->section, key->name);
    }
}

void config_keep_fixed(const struct config *running, struct config *fresh)
{
    for (size_t i = 0; config_key_at(i) != NULL; i++) {
        if (!config_key_at(i)->reloadable)
            fresh->texts[i] = arena_copy(&fresh->arena, running->texts[i]);
    }
}
