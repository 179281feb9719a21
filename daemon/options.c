#include "options.h"

#include "common/suggest.h"

#include <getopt.h>
#include <stdlib.h>

#define CONFIG_DEFAULT "/etc/refreshd/refreshd.conf"

const char *options_help(void)
{
    return "Usage: refreshd [--config FILE]\n"
           "       refreshd --check [--config FILE]\n"
           "       refreshd --classify PROVIDER < ANSWERS.jsonl\n"
           "\n"
           "Keeps OAuth 2.0 connections alive: refreshes access tokens before they expire, "
           "notices\n"
           "when a grant has died, and publishes who must reconnect where.\n"
           "\n"
           "  -c, --config FILE        configuration (default " CONFIG_DEFAULT ")\n"
           "      --check              judge configuration, profiles, key and store, then exit\n"
           "      --classify PROVIDER  say what token endpoint answers mean; one JSON object a\n"
           "                           line in, one verdict a line out. PROVIDER is the id of a\n"
           "                           profile or a profile's file\n"
           "  -V, --version            print the version\n"
           "  -h, --help               print this\n"
           "\n"
           "Runs in the foreground until SIGTERM; SIGHUP reloads. refreshctl(1) talks to it.\n";
}

/** "--chek": getopt_long() takes what is short, not what is wrong. */
static enum status unknown_option(const char *text, const struct option *known, struct error *err)
{
    struct str word = str_c(text);
    struct suggest suggest = {.word = word};
    if (!str_starts_with(word, STR("--")))
        return error_set(err, STATUS_INVALID, "unknown option %s", text);
    suggest.word = str_slice(word, 2, str_find_byte(word, '='));
    for (; known->name != NULL; known++)
        suggest_offer(&suggest, known->name);
    const char *meant = suggest_best(&suggest);
    if (meant == NULL)
        return error_set(err, STATUS_INVALID, "unknown option %s", text);
    return error_set(err, STATUS_INVALID, "unknown option %s; did you mean --%s?", text, meant);
}

enum status options_parse(int argc, char *const argv[], struct options *ret_options,
                          struct error *err)
{
    enum { OPTION_CHECK = 256, OPTION_CLASSIFY };
    static const struct option known[] = {
        {"config", required_argument, NULL, 'c'},
        {"check", no_argument, NULL, OPTION_CHECK},
        {"classify", required_argument, NULL, OPTION_CLASSIFY},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {.command = COMMAND_RUN, .config = CONFIG_DEFAULT};
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":c:Vh", known, NULL)) != -1) {
        switch (option) {
        case 'c':
            options.config = optarg;
            break;
        case OPTION_CHECK:
            options.command = COMMAND_CHECK;
            break;
        case OPTION_CLASSIFY:
            options.command = COMMAND_CLASSIFY;
            options.provider = optarg;
            break;
        case 'V':
            options.command = COMMAND_VERSION;
            break;
        case 'h':
            options.command = COMMAND_HELP;
            break;
        case ':':
            return error_set(err, STATUS_INVALID, "%s needs a value", argv[optind - 1]);
        default:
            return unknown_option(argv[optind - 1], known, err);
        }
    }
    if (optind < argc)
        return error_set(err, STATUS_INVALID, "unexpected argument \"%s\"", argv[optind]);
    *ret_options = options;
    return STATUS_OK;
}
