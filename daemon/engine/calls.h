/** The methods' first steps, by method. Each takes the op over. */
#ifndef ENGINE_CALLS_H
#define ENGINE_CALLS_H

#include "engine/op.h"

op_step call_register;
op_step call_unregister;
op_step call_disable;
op_step call_enable;
op_step call_rotate;
op_step call_rescope;
op_step call_list_connectors;
op_step call_show_connector;
op_step call_import;
op_step call_authorize;
op_step call_complete;
op_step call_token;
op_step call_refresh;
op_step call_report;
op_step call_disconnect;
op_step call_attach;
op_step call_confirm;
op_step call_clear;
op_step call_list_connections;
op_step call_show_connection;
op_step call_list_events;
op_step call_status;
op_step call_metrics;
op_step call_list_audit;

#endif
