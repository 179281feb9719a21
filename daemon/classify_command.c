#include "classify_command.h"

#include "exit_status.h"
#include "io/clock.h"
#include "oauth/classify_json.h"
#include "profiles.h"

#include <stdio.h>
#include <stdlib.h>

/* A megabyte of body as base64, and the rest of its object. */
enum { ANSWER_LINE_MAX = 8 * 1024 * 1024 };

static struct json *classify_line(const struct profile *profile, struct str line, bool *ret_bad)
{
    const struct json_limits limits = {
        .bytes_max = ANSWER_LINE_MAX, .depth_max = 32, .values_max = 100000};
    CLEANUP(json_freep) struct json *answer = NULL;
    struct json *verdict = NULL;
    struct error err = {0};
    if (json_parse(line, limits, &answer, &err) == STATUS_OK &&
        oauth_classify_json(profile, answer, clock_read().wall_ms, &verdict, &err) == STATUS_OK)
        return verdict;
    *ret_bad = true;
    verdict = json_new_object();
    json_set_text(verdict, "error", str_c(err.text));
    return verdict;
}

static int classify_lines(const struct profile *profile)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t len;
    bool is_bad = false;
    while ((len = getline(&line, &capacity, stdin)) > 0) {
        struct str text = str_trim((struct str){.data = line, .len = (size_t)len});
        if (str_is_empty(text))
            continue;
        CLEANUP(json_freep) struct json *verdict = classify_line(profile, text, &is_bad);
        CLEANUP(buf_deinit) struct buf out = {.secret = true};
        json_write(verdict, &out);
        printf("%s\n", buf_c(&out));
    }
    free(line);
    if (fflush(stdout) != 0)
        return EXIT_STATUS_IO;
    return is_bad ? EXIT_STATUS_STORE : EXIT_STATUS_OK;
}

int classify_command(const char *provider)
{
    struct error err = {0};
    CLEANUP(profile_set_freep) struct profile_set *profiles = NULL;
    CLEANUP(profile_freep) struct profile *own = NULL;
    if (profiles_load_builtin(&profiles, &err) != STATUS_OK ||
        (str_ends_with(str_c(provider), STR(".json")) &&
         profiles_load_file(str_c(provider), true, &own, &err) != STATUS_OK)) {
        fprintf(stderr, "refreshd: %s\n", err.text);
        return EXIT_STATUS_CONFIG;
    }
    const struct profile *profile = own != NULL ? own : profile_set_find(profiles, str_c(provider));
    if (profile == NULL) {
        fprintf(stderr,
                "refreshd: no profile \"%s\": name a built-in one (see docs/providers.md) or a "
                "file that ends in .json\n",
                provider);
        return EXIT_STATUS_CONFIG;
    }
    return classify_lines(profile);
}
