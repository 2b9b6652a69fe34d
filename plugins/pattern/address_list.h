/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Mail domains and addresses that rule files list, some with "*" for any
 * letters and "?" for one.
 */

#include <glib.h>
#include <stdbool.h>

typedef struct AddressList AddressList;

AddressList *address_list_new(void);
void address_list_free(AddressList *self);

/* Any case. */
void address_list_add(AddressList *self, const char *entry);
bool address_list_has(const AddressList *self, const char *text);
