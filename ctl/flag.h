/**
 * The flags of a method's parameters: `client_secret` is --client-secret (asks),
 * --client-secret-file FILE and --client-secret-stdin; `check` is --check and --no-check. Pure.
 *
 *     struct flag flag;
 *     if (flag_find(method, STR("client-secret-file"), &flag)) …   // FLAG_FILE of client_secret
 */
#ifndef CTL_FLAG_H
#define CTL_FLAG_H

#include "common/rpc_methods.h"

enum flag_mode {
    FLAG_VALUE, /* --scopes a,b */
    FLAG_ON,    /* --check */
    FLAG_OFF,   /* --no-check */
    FLAG_ASK,   /* --client-secret: prompt on the terminal */
    FLAG_FILE,  /* --client-secret-file FILE; "-" is standard input */
    FLAG_STDIN, /* --client-secret-stdin */
};

struct flag {
    const struct rpc_param *param;
    enum flag_mode mode;
};

/** name without the dashes in front; '-' and '_' mean the same. */
bool flag_find(const struct rpc_method *method, struct str name, struct flag *ret);
/** The parameter of that name, or NULL. params may be NULL. */
const struct rpc_param *flag_param(const struct rpc_param *params, struct str name);
bool flag_takes_value(struct flag flag);
/** May it not stand on a command line? So it is for a secret, and for an object with one inside. */
bool flag_is_secret(const struct rpc_param *param);
/** A key in PEM has several lines: it can't be asked for on a terminal. */
bool flag_is_multiline(const struct rpc_param *param);
/** Text that is longer than anybody types: a certificate. */
bool flag_is_document(const struct rpc_param *param);
/** Can its value be read from a file? */
bool flag_has_file(const struct rpc_param *param);
/** Append "--client-id". */
void flag_write_name(const struct rpc_param *param, struct buf *out);
/** What --help calls the value: "TEXT", "A,B,…". NULL where there is none. */
const char *flag_placeholder(const struct rpc_param *param);
/** The flag that was probably meant, without dashes in front, or NULL. */
const char *flag_suggest(const struct rpc_method *method, struct str name);

/** The position-th name (from 0) of method->positional as parameter; NULL past the last. */
const struct rpc_param *flag_positional(const struct rpc_method *method, size_t position);
bool flag_is_positional(const struct rpc_method *method, const struct rpc_param *param);

#endif
