#include "support/fake_tree.h"

#include "common/assert.h"

static struct fake_node *merge(struct fake_node *left, struct fake_node *right)
{
    if (left == NULL || right == NULL)
        return left != NULL ? left : right;
    if (left->weight > right->weight) {
        left->right = merge(left->right, right);
        return left;
    }
    right->left = merge(left, right->left);
    return right;
}

/* Those before key, and the others. */
static void split(const struct fake_tree *tree, struct fake_node *node, const struct fake_node *key,
                  struct fake_node **ret_before, struct fake_node **ret_rest)
{
    if (node == NULL) {
        *ret_before = *ret_rest = NULL;
    } else if (tree->compare(node, key) < 0) {
        split(tree, node->right, key, &node->right, ret_rest);
        *ret_before = node;
    } else {
        split(tree, node->left, key, ret_before, &node->left);
        *ret_rest = node;
    }
}

void fake_tree_insert(struct fake_tree *tree, struct fake_node *node)
{
    uint64_t weight = ++tree->next_weight * UINT64_C(0x9e3779b97f4a7c15);
    *node = (struct fake_node){.weight = weight ^ (weight >> 29)};
    struct fake_node *before, *rest;
    split(tree, tree->root, node, &before, &rest);
    tree->root = merge(merge(before, node), rest);
    tree->count++;
}

void fake_tree_remove(struct fake_tree *tree, struct fake_node *node)
{
    struct fake_node **link = &tree->root;
    while (*link != node) {
        ASSERT(*link != NULL);
        link = tree->compare(node, *link) < 0 ? &(*link)->left : &(*link)->right;
    }
    *link = merge(node->left, node->right);
    tree->count--;
}

struct fake_node *fake_tree_find(const struct fake_tree *tree, const struct fake_node *key)
{
    struct fake_node *node = tree->root;
    while (node != NULL) {
        int order = tree->compare(key, node);
        if (order == 0)
            return node;
        node = order < 0 ? node->left : node->right;
    }
    return NULL;
}

struct fake_node *fake_tree_after(const struct fake_tree *tree, const struct fake_node *key)
{
    struct fake_node *node = tree->root, *best = NULL;
    while (node != NULL) {
        if (key == NULL || tree->compare(key, node) < 0) {
            best = node;
            node = node->left;
        } else {
            node = node->right;
        }
    }
    return best;
}
