/* SPDX-License-Identifier: GPL-2.0 */
/* Statistics and settings of the queue of the namespace we are in. */
#ifndef SOCKOPT_H
#define SOCKOPT_H

#include <linux/netfilter/ipqueue.h>
#include <stdbool.h>

/* A socket whose options are the queue's. */
int sockopt_open(int family);
/* IPPROTO_IP or IPPROTO_IPV6. */
int sockopt_level(int family);

/* Read both; an error ends the case. */
struct ipq_stats stats_get(int family);
struct ipq_settings settings_get(int family);
/* Set the members that settings->mask names; 0 or an errno. */
int settings_try(int family, const struct ipq_settings *settings);
/* The same; an error ends the case. */
void settings_set(int family, struct ipq_settings settings);
void stats_reset(int family);
/* Whether every packet taken in is counted once where it ended, or waits. */
bool stats_conserved(const struct ipq_stats *stats);

#endif
