// SPDX-License-Identifier: GPL-2.0
/* Packets by id. Ids count up, so that the low bits spread them evenly. */
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>

#include "ipqueue.h"

#define IPQ_MIN_SLOTS 64U

static struct ipq_entry **ipq_slot(const struct ipq_table *table, u64 id)
{
	return &table->slot[(u32)id & table->mask];
}

void ipq_table_add(struct ipq_table *table, struct ipq_entry *e)
{
	struct ipq_entry **slot = ipq_slot(table, e->id);

	e->next = *slot;
	*slot = e;
}

void ipq_table_del(struct ipq_table *table, struct ipq_entry *e)
{
	struct ipq_entry **p = ipq_slot(table, e->id);

	while (*p != e)
		p = &(*p)->next;
	*p = e->next;
}

struct ipq_entry *ipq_table_find(const struct ipq_table *table, u64 id)
{
	struct ipq_entry *e;

	if (!table->slot)
		return NULL;
	for (e = *ipq_slot(table, id); e; e = e->next)
		if (e->id == id)
			return e;
	return NULL;
}

/*
 * Give the table a slot for each packet that may wait. Called with the queue's
 * mutex held, and not its lock. A smaller table is slower but right, so one
 * that exists stays when there is no memory for another.
 */
int ipq_table_fit(struct ipq_queue *q, u32 maxlen)
{
	u32 slots = roundup_pow_of_two(max(maxlen, IPQ_MIN_SLOTS));
	struct ipq_table old = q->table;
	struct ipq_table new = { .mask = slots - 1 };
	struct ipq_entry *e;

	if (old.slot && old.mask == new.mask)
		return 0;
	new.slot = kvcalloc(slots, sizeof(*new.slot), GFP_KERNEL_ACCOUNT);
	if (!new.slot)
		return old.slot ? 0 : -ENOMEM;

	spin_lock_bh(&q->lock);
	list_for_each_entry(e, &q->waiting, order)
		ipq_table_add(&new, e);
	q->table = new;
	spin_unlock_bh(&q->lock);
	ipq_table_free(&old);
	return 0;
}

void ipq_table_free(struct ipq_table *table)
{
	kvfree(table->slot);
	table->slot = NULL;
}
