#include "engine/task.h"

#include "common/assert.h"
#include "common/memory.h"

#include <stdlib.h>

/* FNV-1a */
static uint32_t hash_of(struct str id)
{
    uint32_t hash = UINT32_C(2166136261);
    for (size_t i = 0; i < id.len; i++)
        hash = (hash ^ (unsigned char)id.data[i]) * UINT32_C(16777619);
    return hash;
}

static void link_task(struct schedule_state *schedule, struct task *task)
{
    task->id_hash = hash_of(str_c(task->id));
    struct task **bucket = &schedule->by_id[task->id_hash % SCHEDULE_BUCKETS];
    task->next_by_id = *bucket;
    *bucket = task;
}

static void unlink_task(struct schedule_state *schedule, struct task *task)
{
    struct task **link = &schedule->by_id[task->id_hash % SCHEDULE_BUCKETS];
    while (*link != task)
        link = &(*link)->next_by_id;
    *link = task->next_by_id;
}

struct task *task_find(const struct engine *engine, struct str connection)
{
    uint32_t hash = hash_of(connection);
    struct task *task = engine->schedule.by_id[hash % SCHEDULE_BUCKETS];
    while (task != NULL && (task->id_hash != hash || !str_eq(str_c(task->id), connection)))
        task = task->next_by_id;
    return task;
}

void task_detach(struct engine *engine, struct task *task)
{
    switch (task->place) {
    case TASK_UPCOMING:
        heap_remove(&engine->schedule.upcoming, &task->node);
        break;
    case TASK_READY:
        heap_remove(&task->entry->lane.ready, &task->node);
        break;
    case TASK_RESTING:
        heap_remove(&engine->schedule.resting, &task->node);
        break;
    case TASK_RUNNING:
    case TASK_NOWHERE:
        break;
    }
    task->place = TASK_NOWHERE;
}

void task_free(struct engine *engine, struct task *task)
{
    ASSERT(task->job == NULL && task->waiters == NULL);
    task_detach(engine, task);
    unlink_task(&engine->schedule, task);
    engine->schedule.task_count--;
    catalog_unref(task->entry);
    free(task->id);
    free(task);
}

struct task *task_get(struct engine *engine, struct str connection, struct catalog_entry *entry)
{
    struct task *task = task_find(engine, connection);
    if (task != NULL && task->entry->gone && task->place != TASK_RUNNING)
        task_free(engine, task);
    else if (task != NULL)
        return task;
    if (engine->schedule.task_count >= ENGINE_TASKS_MAX)
        return NULL;
    task = memory_new(sizeof(*task));
    task->id = memory_copy_str(connection);
    task->entry = entry;
    catalog_ref(entry);
    link_task(&engine->schedule, task);
    engine->schedule.task_count++;
    return task;
}

struct task *task_of(struct heap_node *node)
{
    return CONTAINER_OF(node, struct task, node);
}
