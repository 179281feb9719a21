/* The sample file and the manual page say what the table says. */
#include "common/buf.h"
#include "config/config.h"
#include "config/config_key.h"
#include "config/config_sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char sample_path[] = REFRESHD_SOURCE_DIR "/config/refreshd.conf";
static const char manual_path[] = REFRESHD_SOURCE_DIR "/docs/man/refreshd.conf.5";
static const char manual_from[] = ".SH KEYS\n", manual_to[] = ".SH FILES\n";

static void read_file(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail_msg("%s can't be read", path);
    char chunk[4096];
    for (size_t got; (got = fread(chunk, 1, sizeof(chunk), file)) > 0;)
        buf_append(out, (struct str){.data = chunk, .len = got});
    fclose(file);
}

static void write_file(const char *path, struct buf *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text->data, 1, text->len, file), text->len);
    assert_int_equal(fclose(file), 0);
}

/** With REFRESHD_UPDATE set the file is made to agree. */
static void assert_file_is(const char *path, struct buf *expected)
{
    CLEANUP(buf_deinit) struct buf found = {0};
    read_file(path, &found);
    if (getenv("REFRESHD_UPDATE") != NULL && !str_eq(buf_str(&found), buf_str(expected)))
        write_file(path, expected);
    else
        assert_string_equal(buf_c(&found), buf_c(expected));
}

static void the_sample_is_the_tables(void **state UNUSED)
{
    CLEANUP(buf_deinit) struct buf sample = {0};
    config_write_sample(&sample);
    assert_file_is(sample_path, &sample);
}

/** What stands before the keys and after them is the page's own. */
static void the_manual_page_is_the_tables(void **state UNUSED)
{
    CLEANUP(buf_deinit) struct buf page = {0}, expected = {0};
    read_file(manual_path, &page);
    const char *from = strstr(buf_c(&page), manual_from);
    const char *to = strstr(buf_c(&page), manual_to);
    assert_non_null(from);
    assert_non_null(to);
    size_t keys_at = (size_t)(from - page.data) + strlen(manual_from);
    buf_append(&expected, str_slice(buf_str(&page), 0, keys_at));
    config_write_manual(&expected);
    buf_append(&expected, str_c(to));
    assert_file_is(manual_path, &expected);
}

/** The file as installed, and with every comment sign before a key taken away. */
static void the_sample_loads(void **state UNUSED)
{
    CLEANUP(buf_deinit) struct buf sample = {0}, bare = {0};
    config_write_sample(&sample);
    for (const char *at = buf_c(&sample); *at != '\0'; at++) {
        bool starts_line = at == sample.data || at[-1] == '\n';
        if (!(starts_line && *at == '#' && at[1] != ' '))
            buf_append_byte(&bare, *at);
    }
    struct str texts[] = {buf_str(&sample), buf_str(&bare)};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct config config;
        CLEANUP(config_faults_deinit) struct config_faults faults = {0};
        enum status status =
            config_load_text(&config, STR("sample"), texts[i], STR("/run/credentials"), &faults);
        if (status != STATUS_OK)
            fail_msg("%s", faults.lines[0].data);
        assert_true(str_eq(config.store.key_file, STR("/run/credentials/master.key")));
        config_deinit(&config);
    }
}

static void each_row_of_the_table_is_whole(void **state UNUSED)
{
    const struct config_key *key;
    for (size_t i = 0; (key = config_key_at(i)) != NULL; i++) {
        assert_true(config_section_is_known(str_c(key->section)));
        assert_int_equal(config_key_find(str_c(key->section), str_c(key->name)), i);
        assert_true((key->value == NULL) == (key->absent != NULL));
        assert_true(str_ends_with(str_c(key->doc), STR(".")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_of_the_table_is_whole),
        cmocka_unit_test(the_sample_is_the_tables),
        cmocka_unit_test(the_manual_page_is_the_tables),
        cmocka_unit_test(the_sample_loads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
