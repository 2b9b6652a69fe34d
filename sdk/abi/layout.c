/* SPDX-License-Identifier: MIT */

/*
 * Does not compile if the header no longer is what was released: a member that
 * moved, shrank or got another type, a constant with another value, a hole that
 * a later member could fall into.  The lists are written by sdk/abi/freeze.
 */

#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"
#include <winnow/plugin.h>
#pragma GCC diagnostic pop

#define AT(Type, member, offset, size, ...)                               \
    _Static_assert(offsetof(Type, member) == (offset),                    \
        #Type "." #member " has moved");                                  \
    _Static_assert(sizeof(((Type *)0)->member) == (size),                 \
        #Type "." #member " has another size");                           \
    _Static_assert(__builtin_types_compatible_p(__typeof__(((Type *)0)    \
                                                               ->member), \
                       __VA_ARGS__),                                      \
        #Type "." #member " has another type");
#define SIZE(Type, size) \
    _Static_assert(sizeof(Type) == (size), #Type " has another size");
#define IS(constant, value)                          \
    _Static_assert((long long)(constant) == (value), \
        #constant " has another value");
#define TYPE(Type, ...)                                             \
    _Static_assert(__builtin_types_compatible_p(Type, __VA_ARGS__), \
        #Type " is another type");

#include "sdk/abi/released.inc"

_Static_assert(sizeof(void *) == 8, "layouts are those of LP64");
