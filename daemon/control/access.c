#include "control/access.h"

#include "common/assert.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

static int64_t *copy_numbers(const int64_t *numbers, size_t count)
{
    if (count == 0)
        return NULL;
    int64_t *copy = memory_new_array(count, sizeof(*copy));
    memcpy(copy, numbers, count * sizeof(*copy));
    return copy;
}

static struct access_list copy_list(const struct access_list *list)
{
    return (struct access_list){
        .uids = copy_numbers(list->uids, list->uid_count),
        .uid_count = list->uid_count,
        .gids = copy_numbers(list->gids, list->gid_count),
        .gid_count = list->gid_count,
    };
}

struct access_rules access_rules_copy(const struct access_rules *rules)
{
    ASSERT(rules != NULL);
    return (struct access_rules){
        .own_uid = rules->own_uid,
        .admin = copy_list(&rules->admin),
        .platform = copy_list(&rules->platform),
        .operator_ = copy_list(&rules->operator_),
    };
}

static void deinit_list(struct access_list *list)
{
    free(list->uids);
    free(list->gids);
}

void access_rules_deinit(struct access_rules *rules)
{
    ASSERT(rules != NULL);
    deinit_list(&rules->admin);
    deinit_list(&rules->platform);
    deinit_list(&rules->operator_);
    *rules = (struct access_rules){0};
}

static bool holds(const int64_t *numbers, size_t count, int64_t number)
{
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] == number)
            return true;
    }
    return false;
}

static bool names_peer(const struct access_list *list, const struct session_peer *peer)
{
    if (holds(list->uids, list->uid_count, peer->uid) ||
        holds(list->gids, list->gid_count, peer->gid))
        return true;
    for (size_t i = 0; i < peer->group_count; i++) {
        if (holds(list->gids, list->gid_count, peer->groups[i]))
            return true;
    }
    return false;
}

unsigned access_roles(const struct access_rules *rules, const struct session_peer *peer)
{
    ASSERT(rules != NULL && peer != NULL);
    if (peer->uid == 0 || peer->uid == rules->own_uid)
        return RPC_ROLE_ADMIN | RPC_ROLE_PLATFORM | RPC_ROLE_OPERATOR;
    unsigned roles = 0;
    if (names_peer(&rules->admin, peer))
        roles |= RPC_ROLE_ADMIN;
    if (names_peer(&rules->platform, peer))
        roles |= RPC_ROLE_PLATFORM;
    if (names_peer(&rules->operator_, peer))
        roles |= RPC_ROLE_OPERATOR;
    return roles;
}

size_t access_role_names(unsigned roles, const char *ret_names[ACCESS_ROLE_NAMES_MAX])
{
    static const struct {
        unsigned role;
        const char *name;
    } names[ACCESS_ROLE_NAMES_MAX] = {
        {RPC_ROLE_ADMIN, "admin"},
        {RPC_ROLE_PLATFORM, "platform"},
        {RPC_ROLE_OPERATOR, "operator"},
        {RPC_ROLE_ANYONE, "anyone"},
    };
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (roles & names[i].role)
            ret_names[count++] = names[i].name;
    }
    return count;
}

void access_roles_text(unsigned roles, const char *between, struct buf *out)
{
    const char *names[ACCESS_ROLE_NAMES_MAX];
    size_t count = access_role_names(roles, names);
    if (count == 0)
        buf_append(out, STR("no role"));
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "%s%s", i > 0 ? between : "", names[i]);
}
