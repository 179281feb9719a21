#include "config/config_ini.h"

#include "config/config.h"

#include <ini.h>
#include <string.h>

enum { INI_ROOM = 4 }; /* the library wants room for "\r\n" and NUL behind the longest line */

enum section_state {
    SECTION_NONE,
    SECTION_KNOWN,
    SECTION_BAD, /* complained about; its keys are not, one by one */
};

struct reading {
    struct str rest;
    struct config_place place; /* of the present line */
    struct config_ini_sink sink;
    struct config_faults *faults;
    bool expects_pair; /* this line has neither blanks only, nor a comment, nor a section */
    enum section_state section;
};

#define FAULT(reading, ...) config_fault_add_at((reading)->faults, &(reading)->place, __VA_ARGS__)

/** A line that has brought no pair though it should have. */
static void finish_line(struct reading *reading)
{
    if (reading->expects_pair)
        FAULT(reading, "expected \"key = value\" or \"[section]\"");
    reading->expects_pair = false;
}

static void read_section(struct reading *reading, struct str line)
{
    size_t end = str_find_byte(line, ']');
    struct str behind = str_trim(str_slice(line, end + 1, line.len));
    struct str name = str_slice(line, 1, end - 1);
    reading->section = SECTION_BAD;
    if (end == line.len || (behind.len > 0 && behind.data[0] != ';' && behind.data[0] != '#'))
        FAULT(reading, "expected \"[section]\" and nothing behind it");
    else if (reading->sink.section(reading->sink.ctx, name, &reading->place))
        reading->section = SECTION_KNOWN;
}

static void look_at_line(struct reading *reading, struct str line)
{
    struct str bare = str_trim(line);
    if (reading->place.line == 1 && str_starts_with(bare, STR("\xef\xbb\xbf")))
        bare = str_slice(bare, 3, bare.len);
    if (bare.len == 0 || bare.data[0] == ';' || bare.data[0] == '#')
        return;
    if (bare.data[0] == '[')
        read_section(reading, bare);
    else
        reading->expects_pair = true;
}

/** The library's fgets: one line a call, so that this knows where it is. */
static char *next_line(char *to, int size, void *stream)
{
    struct reading *reading = stream;
    finish_line(reading);
    if (reading->rest.len == 0)
        return NULL;
    size_t len = str_find_byte(reading->rest, '\n');
    struct str line = str_slice(reading->rest, 0, len);
    reading->rest = str_slice(reading->rest, len + 1, reading->rest.len);
    reading->place.line++;
    to[0] = '\0';
    if (line.len > CONFIG_LINE_MAX || line.len + INI_ROOM > (size_t)size)
        FAULT(reading, "expected a line of at most %d bytes", (int)CONFIG_LINE_MAX);
    else if (str_find_byte(line, '\0') < line.len)
        FAULT(reading, "expected text, got a NUL byte");
    else {
        look_at_line(reading, line);
        memcpy(to, line.data, line.len);
        to[line.len] = '\0';
    }
    return to;
}

static int on_pair(void *ctx, const char *section, const char *name, const char *value)
{
    struct reading *reading = ctx;
    reading->expects_pair = false;
    if (reading->section == SECTION_NONE)
        FAULT(reading, "expected a [section] before \"%s\"", name);
    else if (reading->section == SECTION_KNOWN)
        reading->sink.pair(reading->sink.ctx, &(struct config_pair){.section = str_c(section),
                                                                    .name = str_c(name),
                                                                    .value = str_c(value),
                                                                    .place = reading->place});
    return 1;
}

/** The library is told by variables of its own; they are set to the same each time. */
static void set_up_library(void)
{
    static char inline_prefixes[] = ";", line_prefixes[] = ";#";
    ini_use_stack = false;
    ini_max_line = CONFIG_LINE_MAX + INI_ROOM;
    ini_initial_alloc = CONFIG_LINE_MAX + INI_ROOM;
    ini_allow_multiline = false;
    ini_allow_inline_comments = true;
    ini_inline_comment_prefixes = inline_prefixes;
    ini_start_comment_prefixes = line_prefixes;
    ini_stop_on_first_error = false;
    ini_allow_no_value = false;
    ini_allow_bom = true;
}

void config_ini_parse(const struct config_place *file, struct str text, struct config_ini_sink sink,
                      struct config_faults *faults)
{
    struct reading reading = {.place = *file, .rest = text, .sink = sink, .faults = faults};
    set_up_library();
    (void)ini_parse_stream(next_line, &reading, on_pair, &reading);
    finish_line(&reading);
}
