#include "config/config.h"

#include "common/assert.h"
#include "config/config_check.h"
#include "config/config_file.h"
#include "config/config_hint.h"
#include "config/config_ini.h"
#include "config/config_key.h"
#include "config/config_value.h"

#include <string.h>

/** While files are read: where each key was last set. */
struct loading {
    struct config *config;
    struct str credentials_directory;
    struct config_faults *faults;
    struct config_place first, file;     /* the present one; names in config's arena */
    struct str written[CONFIG_KEYS_MAX]; /* not yet expanded */
};

static bool is_given(const struct config *config, size_t at)
{
    return config->places[at].line > 0;
}

static bool on_section(void *ctx, struct str name, const struct config_place *place)
{
    struct loading *loading = ctx;
    if (config_section_is_known(name))
        return true;
    CLEANUP(buf_deinit) struct buf hint = {0};
    config_hint_section(name, &hint);
    config_fault_add_at(loading->faults, place, "unknown section [" STR_FMT "]%s", STR_ARG(name),
                        buf_c(&hint));
    return false;
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
                             "a path, since ${CREDENTIALS_DIRECTORY} is set only where systemd "
                             "starts refreshd with LoadCredential=");
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
        CLEANUP(buf_deinit) struct buf hint = {0};
        config_hint_key(pair->section, pair->name, &hint);
        config_fault_add_at(loading->faults, &pair->place,
                            "unknown key \"" STR_FMT "\" in [" STR_FMT "]%s", STR_ARG(pair->name),
                            STR_ARG(pair->section), buf_c(&hint));
        return;
    }
    struct config_place *place = &loading->config->places[at];
    if (place->file_number == pair->place.file_number) {
        config_fault_add_at(loading->faults, &pair->place,
                            "[" STR_FMT "] " STR_FMT " is given twice, first on line %u",
                            STR_ARG(pair->section), STR_ARG(pair->name), place->line);
        return;
    }
    *place = pair->place;
    loading->written[at] = arena_copy(&loading->config->arena, pair->value);
}

static void read_text(struct loading *loading, struct str name, struct str text)
{
    struct config_ini_sink sink = {.ctx = loading, .section = on_section, .pair = on_pair};
    loading->file.file = arena_copy(&loading->config->arena, name);
    loading->file.file_number++;
    if (loading->file.file_number == 1)
        loading->first = loading->file;
    config_ini_parse(&loading->file, text, sink, loading->faults);
}

static void read_file(void *ctx, struct str name, struct str text)
{
    read_text(ctx, name, text);
}

enum { VALUE_SHOWN_MAX = 80 };

static bool is_quoted(struct str value)
{
    return value.len >= 2 && (value.data[0] == '"' || value.data[0] == '\'') &&
           value.data[value.len - 1] == value.data[0];
}

/** "file:line: [section] key: expected …, got "…"", without what may be a password. */
static void tell_value(struct loading *loading, size_t at, struct str value,
                       const struct error *expected)
{
    const struct config_key *key = config_key_at(at);
    CLEANUP(buf_deinit) struct buf got = {0};
    if (!key->secret)
        buf_printf(&got, ", got \"" STR_FMT "\"", STR_ARG(str_slice(value, 0, VALUE_SHOWN_MAX)));
    config_fault_add_at(loading->faults, &loading->config->places[at], "[%s] %s: expected %s%s%s",
                        key->section, key->name, expected->text,
                        is_quoted(value) ? ", without quotes" : "", buf_c(&got));
}

static void tell_contradiction(void *ctx, const char *section, const char *name,
                               const char *expected)
{
    struct loading *loading = ctx;
    size_t at = config_key_find(str_c(section), str_c(name));
    config_fault_add_at(loading->faults, &loading->config->places[at], "[%s] %s: expected %s",
                        section, name, expected);
}

/**
 * A default that does not fit here: the key has to be given. Not worth a line where others could
 * not be read, because it may stand on one of them.
 */
static void tell_default(struct loading *loading, size_t at, const struct error *expected,
                         bool all_read)
{
    const struct config_key *key = config_key_at(at);
    if (all_read)
        config_fault_add_at(loading->faults, &loading->first,
                            "[%s] %s is not given, and its default is %s: expected %s",
                            key->section, key->name, key->value, expected->text);
}

static void set_key(struct loading *loading, size_t at, bool all_read)
{
    const struct config_key *key = config_key_at(at);
    struct config *config = loading->config;
    bool given = is_given(config, at);
    struct str written = given ? loading->written[at] : str_c(key->value);
    struct str value = STR("");
    struct error expected;
    if (!given)
        config->places[at] = loading->first;
    if (expand(loading, written, &value, &expected) != STATUS_OK ||
        config_value_parse(key, value, config, &expected) != STATUS_OK) {
        if (given)
            tell_value(loading, at, written, &expected);
        else
            tell_default(loading, at, &expected, all_read);
    }
    config->texts[at] = value;
}

/** All files are read: values, then what lies between them. */
static enum status finish(struct loading *loading, struct config *ret)
{
    size_t before = loading->faults->count;
    for (size_t i = 0; config_key_at(i) != NULL; i++)
        set_key(loading, i, before == 0);
    if (loading->faults->count == before)
        config_check(loading->config, tell_contradiction, loading);
    if (loading->faults->count > 0) {
        config_faults_sort(loading->faults);
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

void config_tell_key(const struct config *config, const char *section, const char *name,
                     const struct error *why, struct config_faults *faults)
{
    size_t at = config_key_find(str_c(section), str_c(name));
    ASSERT(at < CONFIG_KEYS_MAX);
    config_fault_add_at(faults, &config->places[at], "[%s] %s: %s", section, name, why->text);
}

void config_find_reserved(const struct config *config, struct config_faults *lines)
{
    for (size_t i = 0; config_key_at(i) != NULL; i++) {
        const struct config_key *key = config_key_at(i);
        if (key->reserved && is_given(config, i))
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
