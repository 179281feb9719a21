/**
 * A binary min-heap of nodes that live inside what they order, so that any node can be taken out.
 *
 *     heap_push(&upcoming, &task->node, task->due_ms);
 *     struct task *next = CONTAINER_OF(heap_top(&upcoming), struct task, node);
 */
#ifndef ENGINE_HEAP_H
#define ENGINE_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct heap_node {
    int64_t key;
    size_t place; /* index + 1; 0: in no heap */
};

struct heap {
    struct heap_node **nodes;
    size_t count, capacity;
};

void heap_deinit(struct heap *heap);
void heap_push(struct heap *heap, struct heap_node *node, int64_t key);
/** NULL when empty. */
struct heap_node *heap_top(const struct heap *heap);
void heap_remove(struct heap *heap, struct heap_node *node);
/** All in the order of their keys, for giving up what is farthest away: until the next push each
 * heap_last() has the largest key left, and removing it moves nothing. O(n log n). */
void heap_sort(struct heap *heap);
/** What stands at the end; NULL when empty. */
struct heap_node *heap_last(const struct heap *heap);

#endif
