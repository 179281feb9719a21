#include "engine/heap.h"

#include "common/assert.h"
#include "common/memory.h"

#include <stdlib.h>

void heap_deinit(struct heap *heap)
{
    ASSERT(heap->count == 0);
    free(heap->nodes);
    *heap = (struct heap){0};
}

static void put(struct heap *heap, size_t index, struct heap_node *node)
{
    heap->nodes[index] = node;
    node->place = index + 1;
}

static void sift_up(struct heap *heap, size_t index, struct heap_node *node)
{
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (heap->nodes[parent]->key <= node->key)
            break;
        put(heap, index, heap->nodes[parent]);
        index = parent;
    }
    put(heap, index, node);
}

static void sift_down(struct heap *heap, size_t index, struct heap_node *node)
{
    for (;;) {
        size_t child = index * 2 + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && heap->nodes[child + 1]->key < heap->nodes[child]->key)
            child++;
        if (node->key <= heap->nodes[child]->key)
            break;
        put(heap, index, heap->nodes[child]);
        index = child;
    }
    put(heap, index, node);
}

void heap_push(struct heap *heap, struct heap_node *node, int64_t key)
{
    ASSERT(node->place == 0);
    if (heap->count == heap->capacity) {
        heap->capacity = heap->capacity == 0 ? 64 : heap->capacity * 2;
        heap->nodes = memory_grow(heap->nodes, heap->capacity * sizeof(struct heap_node *));
    }
    node->key = key;
    heap->count++;
    sift_up(heap, heap->count - 1, node);
}

struct heap_node *heap_top(const struct heap *heap)
{
    return heap->count > 0 ? heap->nodes[0] : NULL;
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    ASSERT(node->place > 0 && node->place <= heap->count);
    size_t index = node->place - 1;
    struct heap_node *last = heap->nodes[--heap->count];
    node->place = 0;
    if (last == node)
        return;
    if (last->key < node->key)
        sift_up(heap, index, last);
    else
        sift_down(heap, index, last);
}

static int compare_keys(const void *a, const void *b)
{
    int64_t first = (*(struct heap_node *const *)a)->key;
    int64_t second = (*(struct heap_node *const *)b)->key;
    return (first > second) - (first < second);
}

void heap_sort(struct heap *heap)
{
    if (heap->count == 0)
        return;
    qsort(heap->nodes, heap->count, sizeof(struct heap_node *), compare_keys);
    for (size_t i = 0; i < heap->count; i++)
        heap->nodes[i]->place = i + 1;
}

struct heap_node *heap_last(const struct heap *heap)
{
    return heap->count > 0 ? heap->nodes[heap->count - 1] : NULL;
}
