#include "config/config_hint.h"

#include "common/suggest.h"
#include "config/config_key.h"

void config_hint_section(struct str name, struct buf *out)
{
    struct suggest suggest = {.word = name};
    for (size_t i = 0; config_section_at(i) != NULL; i++)
        suggest_offer(&suggest, config_section_at(i)->name);
    const char *meant = suggest_best(&suggest);
    if (meant != NULL)
        buf_printf(out, "; did you mean [%s]?", meant);
}

/** "; it belongs into [store] or [redis]" */
static void tell_sections_with(struct str name, struct buf *out)
{
    const char *before = "; it belongs into";
    for (size_t i = 0; config_key_at(i) != NULL; i++) {
        if (!str_eq(name, str_c(config_key_at(i)->name)))
            continue;
        buf_printf(out, "%s [%s]", before, config_key_at(i)->section);
        before = " or";
    }
}

void config_hint_key(struct str section, struct str name, struct buf *out)
{
    size_t before = out->len;
    tell_sections_with(name, out);
    if (out->len > before)
        return;
    struct suggest suggest = {.word = name};
    for (size_t i = 0; config_key_at(i) != NULL; i++) {
        if (str_eq(section, str_c(config_key_at(i)->section)))
            suggest_offer(&suggest, config_key_at(i)->name);
    }
    const char *meant = suggest_best(&suggest);
    if (meant != NULL)
        buf_printf(out, "; did you mean \"%s\"?", meant);
}
