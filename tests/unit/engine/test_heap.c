/* The order of what is due: whatever comes and goes, the smallest key is on top. */
#include "engine/heap.h"

#include "common/macros.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

enum { NODES = 500, KEYS = 97 };

struct fixture {
    struct heap heap;
    struct heap_node nodes[NODES];
};

/** Keys that repeat and come in no order. */
static int64_t key_of(size_t i)
{
    return (int64_t)(i * 7919 % KEYS) - KEYS / 2;
}

static void fill(struct fixture *f)
{
    *f = (struct fixture){0};
    for (size_t i = 0; i < NODES; i++)
        heap_push(&f->heap, &f->nodes[i], key_of(i));
    assert_int_equal(f->heap.count, NODES);
}

static void empty_in_order(struct fixture *f)
{
    int64_t last = INT64_MIN;
    while (f->heap.count > 0) {
        struct heap_node *top = heap_top(&f->heap);
        assert_true(top->key >= last);
        last = top->key;
        heap_remove(&f->heap, top);
        assert_int_equal(top->place, 0);
    }
    assert_null(heap_top(&f->heap));
    heap_deinit(&f->heap);
}

static void the_smallest_is_on_top(void **state UNUSED)
{
    struct fixture f;
    fill(&f);
    empty_in_order(&f);
}

static void any_can_be_taken_out(void **state UNUSED)
{
    struct fixture f;
    fill(&f);
    for (size_t i = 0; i < NODES; i += 3)
        heap_remove(&f.heap, &f.nodes[i]);
    empty_in_order(&f);
}

static void sorted_it_gives_up_the_farthest_first(void **state UNUSED)
{
    struct fixture f;
    fill(&f);
    heap_sort(&f.heap);
    int64_t last_key = INT64_MAX;
    while (f.heap.count > NODES / 2) {
        struct heap_node *last = heap_last(&f.heap);
        assert_true(last->key <= last_key);
        last_key = last->key;
        heap_remove(&f.heap, last);
    }
    for (size_t i = 0; i < NODES; i++)
        assert_true(f.nodes[i].place == 0 || f.nodes[i].key <= last_key);
    for (size_t i = 0; i < NODES; i++) {
        if (f.nodes[i].place == 0)
            heap_push(&f.heap, &f.nodes[i], key_of(i)); /* it is still a heap */
    }
    assert_int_equal(f.heap.count, NODES);
    empty_in_order(&f);
}

static void nothing_is_sorted(void **state UNUSED)
{
    struct heap heap = {0};
    heap_sort(&heap);
    assert_null(heap_last(&heap));
    assert_null(heap_top(&heap));
    heap_deinit(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_is_on_top),
        cmocka_unit_test(any_can_be_taken_out),
        cmocka_unit_test(sorted_it_gives_up_the_farthest_first),
        cmocka_unit_test(nothing_is_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
