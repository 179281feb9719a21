/**
 * Rows in order, for the fake store: a treap whose nodes live inside the rows. Its shape follows
 * from how many nodes were inserted before, so that a run is the same each time.
 */
#ifndef SUPPORT_FAKE_TREE_H
#define SUPPORT_FAKE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fake_node {
    struct fake_node *left, *right;
    uint64_t weight;
};

/** The row that a node lives in, to be read only. */
#define FAKE_ROW(node, type, member) ((const type *)((const char *)(node)-offsetof(type, member)))

struct fake_tree {
    struct fake_node *root;
    int (*compare)(const struct fake_node *a, const struct fake_node *b);
    size_t count;
    uint64_t next_weight;
};

void fake_tree_insert(struct fake_tree *tree, struct fake_node *node);
void fake_tree_remove(struct fake_tree *tree, struct fake_node *node);
/** The node equal to key; NULL: none. */
struct fake_node *fake_tree_find(const struct fake_tree *tree, const struct fake_node *key);
/** The first behind key, which need not be in it; key NULL: the first of all. */
struct fake_node *fake_tree_after(const struct fake_tree *tree, const struct fake_node *key);

#endif
