#include "io/process.h"

#include "common/memory.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

enum { LOOKUP_BYTES_FIRST = 4096, LOOKUP_BYTES_MAX = 4 * 1024 * 1024 };

/** A number that is an id: (uid_t)-1 means "none" to the kernel. */
static bool is_id(struct str text, int64_t *ret)
{
    return str_to_i64(text, ret) == STATUS_OK && *ret >= 0 && *ret < UINT32_MAX;
}

static int find_user_in(const char *name, char *buffer, size_t size, int64_t *ret)
{
    struct passwd entry, *found = NULL;
    int error = getpwnam_r(name, &entry, buffer, size, &found);
    if (error == 0)
        *ret = found != NULL ? (int64_t)found->pw_uid : -1;
    return error;
}

static int find_group_in(const char *name, char *buffer, size_t size, int64_t *ret)
{
    struct group entry, *found = NULL;
    int error = getgrnam_r(name, &entry, buffer, size, &found);
    if (error == 0)
        *ret = found != NULL ? (int64_t)found->gr_gid : -1;
    return error;
}

typedef int find_fn(const char *name, char *buffer, size_t size, int64_t *ret);

/** With a larger buffer as long as that is what is missing (a group of many members). */
static int find(find_fn *find_in, const char *name, int64_t *ret)
{
    int error = ERANGE;
    for (size_t size = LOOKUP_BYTES_FIRST; error == ERANGE && size <= LOOKUP_BYTES_MAX; size *= 4) {
        char *buffer = memory_new(size);
        error = find_in(name, buffer, size, ret);
        free(buffer);
    }
    return error;
}

static enum status resolve(find_fn *find_in, const char *kind, struct str name, int64_t *ret,
                           struct error *err)
{
    int64_t id = -1;
    if (is_id(name, ret))
        return STATUS_OK;
    CLEANUP(memory_freep) char *text = memory_copy_str(name.len > 0 ? name : STR(""));
    int error = find(find_in, text, &id);
    bool is_missing = error == 0 || error == ENOENT || error == ESRCH;
    if (id < 0 && is_missing)
        return error_set(err, STATUS_NOT_FOUND,
                         "no %s \"" STR_FMT "\" on this machine; make it, or write another", kind,
                         STR_ARG(name));
    if (id < 0)
        return error_set(err, STATUS_UNAVAILABLE, "%s \"" STR_FMT "\": %s", kind, STR_ARG(name),
                         strerror(error));
    *ret = id;
    return STATUS_OK;
}

enum status process_find_user(struct str name, int64_t *ret_uid, struct error *err)
{
    return resolve(find_user_in, "user", name, ret_uid, err);
}

enum status process_find_group(struct str name, int64_t *ret_gid, struct error *err)
{
    return resolve(find_group_in, "group", name, ret_gid, err);
}

enum status process_access_resolve(const struct str *names, size_t count, struct access_list *list,
                                   struct error *err)
{
    struct access_list found = {
        .uids = memory_new_array(count, sizeof(*found.uids)),
        .gids = memory_new_array(count, sizeof(*found.gids)),
    };
    for (size_t i = 0; i < count; i++) {
        bool is_group = str_starts_with(names[i], STR("@"));
        enum status status = is_group
                                 ? process_find_group(str_slice(names[i], 1, names[i].len),
                                                      &found.gids[found.gid_count], err)
                                 : process_find_user(names[i], &found.uids[found.uid_count], err);
        if (status != STATUS_OK) {
            process_access_deinit(&found);
            return status;
        }
        found.gid_count += is_group;
        found.uid_count += !is_group;
    }
    *list = found;
    return STATUS_OK;
}

void process_access_deinit(struct access_list *list)
{
    free(list->uids);
    free(list->gids);
    *list = (struct access_list){0};
}
